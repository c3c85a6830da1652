# frozen_string_literal: true

require_relative "lib/knocker/contract"

# Built by `build-gem`, which puts beside it what lies elsewhere in the checkout: the licences, and the library of one
# platform or the Rust workspace to build it from.
Gem::Specification.new do |spec|
  spec.name = "knocker-sqlite"
  spec.version = Knocker::VERSION
  spec.summary = "Webhooks into your app's own SQLite file: verified, stored, deduplicated, and handled in a transaction"
  spec.description = "Knocker receives webhooks into the SQLite database of a Rack or Rails app, durably before it answers, " \
                     "and runs their handlers with retries, in the transaction that also has the handler's writes."
  spec.authors = ["The Knocker authors"]
  spec.licenses = %w[MIT Apache-2.0]
  spec.required_ruby_version = ">= 3.1"
  spec.homepage = "https://github.com/knocker/knocker"
  spec.metadata = {
    "source_code_uri" => "#{spec.homepage}/tree/main/packages/ruby",
    "documentation_uri" => "#{spec.homepage}/tree/main/docs",
    "changelog_uri" => "#{spec.homepage}/blob/main/CHANGELOG.md",
    "bug_tracker_uri" => "#{spec.homepage}/issues",
    "rubygems_mfa_required" => "true"
  }

  spec.files = Dir["{lib,sig,exe}/**/*", "README.md", "LICENSE-*"].select { |path| File.file?(path) }
  spec.bindir = "exe"
  spec.executables = Dir["exe/*"].map { |path| File.basename(path) }
  spec.add_dependency "sqlite3", ">= 1.4", "< 3"

  if (platform = ENV.fetch("KNOCKER_GEM_PLATFORM", nil))
    spec.platform = platform
    # Older ones take a gem for musl on glibc too.
    spec.required_rubygems_version = ">= 3.3.22" if platform.end_with?("-musl")
  else
    spec.files += Dir["ext/extconf.rb", "rust/**/*"].select { |path| File.file?(path) }
    spec.extensions = ["ext/extconf.rb"]
  end
end
