# frozen_string_literal: true

# Writes a Makefile by which cargo builds the library from the Rust workspace in this gem. It is an extension of SQLite
# and not of Ruby: mkmf has no part in it.

require "rbconfig"
require "shellwords"

here = __dir__
workspace = File.expand_path("../rust", here)
needed = File.read(File.join(workspace, "Cargo.toml"))[/^rust-version = "(.*)"/, 1]

cargos = [ENV.fetch("CARGO", nil), *ENV.fetch("PATH", "").split(File::PATH_SEPARATOR).map { |folder| File.join(folder, "cargo") }]
# Where rustup puts it, also before a new shell looks there.
cargos << File.join(ENV["CARGO_HOME"] || File.join(Dir.home, ".cargo"), "bin", "cargo")
cargo = cargos.compact.find { |path| File.executable?(path + RbConfig::CONFIG["EXEEXT"].to_s) }

def stop(reason, needed)
  abort <<~TEXT

    knocker-sqlite: #{reason}
    There is no ready-made gem of it for this platform (#{RUBY_PLATFORM}), or it was passed over, so the library must be built, with Rust #{needed} or newer.
    Install it as https://rustup.rs says, or `rustup update stable` if it is there and old, and run the installation again.
  TEXT
end

stop("cargo is not on the PATH, and not in ~/.cargo/bin.", needed) unless cargo
found = IO.popen([cargo, "--version"], chdir: workspace, err: File::NULL, &:read)[/\d+\.\d+\.\d+/]
stop("#{cargo} says no version: has rustup a toolchain?", needed) unless found
stop("#{cargo} is Rust #{found}, which is too old.", needed) if Gem::Version.new(found) < Gem::Version.new(needed)

library =
  case RbConfig::CONFIG["host_os"]
  when /darwin/ then "libknocker.dylib"
  when /mswin|mingw|cygwin/ then "knocker.dll"
  else "libknocker.so"
  end
target = ENV["CARGO_TARGET_DIR"] || File.join(here, "target")
# A library for musl must not bring a libc of its own.
flags = RUBY_PLATFORM.include?("musl") ? %(RUSTFLAGS="$$RUSTFLAGS -C target-feature=-crt-static" ) : ""
build = [cargo, "build", "--release", "--locked", "-p", "knocker-extension", "--target-dir", target]
# Hundreds of megabytes, which nobody needs afterwards.
tidy = ENV["CARGO_TARGET_DIR"] ? "true" : "rm -rf #{target.shellescape}"

File.write("Makefile", <<~MAKE)
  all:
  \tcd #{workspace.shellescape} && #{flags}#{build.shelljoin}

  install: all
  \tmkdir -p #{File.expand_path("../lib/knocker", here).shellescape}
  \tcp #{File.join(target, "release", library).shellescape} #{File.expand_path("../lib/knocker", here).shellescape}
  \t#{tidy}

  clean:
  \t#{tidy}

  .PHONY: all install clean
MAKE
