# frozen_string_literal: true

require "test_helper"
require "open3"
require "rbconfig"
require "rubygems/package"

# The gems as a user gets them, installed into an empty home with the checkout out of reach.
class PackagingTest < Minitest::Test
  PACKAGE = File.expand_path("..", __dir__)
  CHECKOUT = File.expand_path("../..", PACKAGE)
  # A process with a file system of its own: as root, and as anybody where the kernel lets them.
  NAMESPACES = [%w[unshare --mount], %w[unshare --map-root-user --mount]].freeze
  HIDE = 'mount -t tmpfs none "$CHECKOUT" && exec "$@"'
  STORY = <<~RUBY
    require "stringio"
    require "knocker"
    require "knocker/testing"
    inside = File.realpath(ENV.fetch("GEM_HOME"))
    [Knocker.loadable_path, $LOADED_FEATURES.grep(%r{/knocker.rb$}).first].each do |path|
      abort "not of the gem: \#{path}" unless File.realpath(path).start_with?(inside)
    end
    abort "the checkout is in reach" if ENV["HIDDEN"] && File.exist?(File.join(ENV.fetch("CHECKOUT"), "packages"))
    hooks = Knocker.open("app.db", synchronous: :normal)
    stripe = hooks.endpoint("stripe", provider: "stripe", secrets: ["whsec_test"])
    stripe.on("checkout.session.completed") do |event, tx|
      tx.execute("CREATE TABLE orders (id TEXT)")
      tx.execute("INSERT INTO orders VALUES (?)", [event.json["id"]])
    end
    request = Knocker::Testing.sign("stripe", { id: "evt_1", type: "checkout.session.completed" }, "whsec_test")
    env = { "REQUEST_METHOD" => "POST", "PATH_INFO" => "/stripe", "SCRIPT_NAME" => "", "HTTP_HOST" => "shop.example", "rack.url_scheme" => "https",
            "CONTENT_LENGTH" => request.body.bytesize.to_s, "rack.input" => StringIO.new(request.body) }
    request.headers.each { |name, value| env["HTTP_\#{name.upcase.tr("-", "_")}"] = value }
    puts "answered \#{hooks.rack.call(env).first}"
    puts "drained \#{Knocker::Testing.drain(hooks).map(&:status)}, orders \#{hooks.database.rows("SELECT id FROM orders")}"
  RUBY

  def setup
    @folder = File.realpath(Dir.mktmpdir("knocker-gem-"))
    @gem_home = File.join(@folder, "gems")
    FileUtils.mkdir_p([@gem_home, File.join(@folder, "home")])
  end

  def teardown
    FileUtils.remove_entry(@folder)
  end

  def build(*arguments)
    output, error, status = Open3.capture3(Gem.ruby, File.join(PACKAGE, "build-gem"), File.join(@folder, "built"), *arguments)
    assert status.success?, error
    output.lines.last.chomp
  end

  # What to put before a command to hide the checkout; nothing where this process may mount nothing.
  def hiding
    @hiding ||= begin
      command = NAMESPACES.map { |namespace| [*namespace, "sh", "-c", HIDE, "sh"] }.find do |one|
        system({ "CHECKOUT" => CHECKOUT }, *one, "true", %i[out err] => File::NULL)
      end
      warn "mounting is not permitted here: the checkout stays in reach, and only what was loaded is checked" unless command
      command || []
    end
  end

  # Runs where the checkout is hidden, with nothing of this process' environment but what is named.
  def apart(*command, **environment)
    clean = { "PATH" => "/usr/bin:/bin", "HOME" => File.join(@folder, "home"), "GEM_HOME" => @gem_home, "CHECKOUT" => CHECKOUT }
    clean["HIDDEN"] = "yes" unless hiding.empty?
    clean["TMPDIR"] = @folder
    Open3.capture2e(clean.merge(environment.transform_keys(&:to_s)), *hiding, *command, unsetenv_others: true, chdir: @folder)
  end

  def install(gem, **environment)
    apart(Gem.ruby, "-S", "gem", "install", "--local", "--no-document", gem, **environment)
  end

  def assert_works
    File.write(File.join(@folder, "story.rb"), STORY)
    output, status = apart(Gem.ruby, "story.rb")
    assert status.success?, output
    assert_includes output, "answered 200\ndrained [:handled], orders [[\"evt_1\"]]"
  end

  # As in an app of Rails: Bundler requires what is in the Gemfile.
  def assert_works_in_a_bundle
    File.write(File.join(@folder, "Gemfile"), %(source "https://rubygems.org"\ngem "knocker-sqlite"\n))
    output, status = apart(Gem.ruby, "-S", "bundle", "install", "--local")
    assert status.success?, output
    output, status = apart(Gem.ruby, "-rbundler/setup", "-e", "Bundler.require; puts Knocker.open('app.db').stats.endpoints.size")
    assert status.success?, output
    assert_equal "1", output.strip
    output, status = apart(Gem.ruby, "-S", "bundle", "exec", "knocker-worker", "--version")
    assert status.success?, output
    assert_equal Knocker::VERSION, output.strip
  end

  def this_platform
    cpu = { "x86_64" => "x64", "aarch64" => "arm64", "arm64" => "arm64" }.fetch(RbConfig::CONFIG["host_cpu"])
    case RbConfig::CONFIG["host_os"]
    when /darwin/ then "darwin-#{cpu}"
    when /musl/ then "linux-#{cpu}-musl"
    else "linux-#{cpu}-gnu"
    end
  end

  # That of a release is in the folder that KNOCKER_TEST_ARTIFACTS names.
  def platform_gem
    packed = ENV.fetch("KNOCKER_TEST_ARTIFACTS", nil) or return build(this_platform, Knocker.loadable_path)
    gems = Dir[File.join(packed, "ruby/*.gem")].grep_v(/musl/)
    gem = gems.find { |one| Gem::Platform.match_spec?(Gem::Package.new(one).spec) } or flunk("#{packed} has no gem for #{Gem::Platform.local}")
    # Not below the checkout, which is out of reach, and not in the folder that gem runs in, where it looks at it twice.
    built = FileUtils.mkdir(File.join(@folder, "built")).first
    FileUtils.cp(gem, built)
    File.join(built, File.basename(gem))
  end

  def test_the_gem_of_a_platform_carries_the_library
    gem = platform_gem
    specification = Gem::Package.new(gem).spec
    assert_empty specification.extensions
    wanted = %w[README.md exe/knocker-worker LICENSE-MIT LICENSE-APACHE sig/knocker/contract.rbs lib/knocker/railtie.rb]
    assert_empty wanted - specification.files
    assert_empty(specification.files.grep(%r{\A(test|rust|bench|ext)/}))
    output, status = install(gem)
    assert status.success?, output
    assert_works
    assert_works_in_a_bundle
  end

  def test_a_gem_for_musl_needs_a_rubygems_that_tells_it_from_one_for_glibc
    specification = Gem::Package.new(build("linux-x64-musl", Knocker.loadable_path)).spec
    assert_equal ["x86_64-linux-musl", Gem::Requirement.new(">= 3.3.22")], [specification.platform.to_s, specification.required_rubygems_version]
    _, error, status = Open3.capture3(Gem.ruby, File.join(PACKAGE, "build-gem"), @folder, "linux-vax", Knocker.loadable_path)
    refute status.success?
    assert_includes error, "no platform is named linux-vax"
  end

  def test_the_source_gem_says_what_to_install_where_there_is_no_cargo
    output, status = install(build)
    refute status.success?
    assert_includes output, "cargo is not on the PATH"
    assert_includes output, "https://rustup.rs"
  end

  def test_the_source_gem_builds_the_library_with_cargo
    # Quicker to compile than what is released; what is tested is that the sources are complete.
    quick = { "CARGO_PROFILE_RELEASE_LTO" => "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS" => "16", "CARGO_PROFILE_RELEASE_OPT_LEVEL" => "0",
              "CARGO_TARGET_DIR" => ENV.fetch("KNOCKER_TEST_GEM_TARGET") { File.join(@folder, "target") }, "PATH" => ENV.fetch("PATH") }
    %w[RUSTUP_HOME CARGO_HOME].zip(%w[.rustup .cargo]) { |name, folder| quick[name] = ENV[name] || File.join(Dir.home, folder) }
    output, status = install(build, **quick)
    assert status.success?, output
    assert_works
  end
end
