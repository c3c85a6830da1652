# frozen_string_literal: true

require "test_helper"
require "conformance_data"

# A folder of files, one a tenant: names, the bound on open files, and receiving.
class TenantsTest < KnockerTest
  DATA = File.join(ConformanceData::FOLDER, "tenants")

  def data(name) = JSON.parse(File.read(File.join(DATA, "#{name}.json")))

  def setup
    super
    @set_up = ->(hooks, _tenant) { hooks.endpoint("inbox", provider: "stripe", secrets: ["whsec_test"]).on("*") { nil } }
  end

  def open_many(pattern = "tenants/*.db", **settings, &set_up)
    FileUtils.mkdir_p(File.join(@folder, pattern.partition("/").first))
    tenants = Knocker.open_many(File.join(@folder, pattern), set_up || @set_up, logger: Logger.new(@log), synchronous: :normal, **settings)
    @opened << tenants
    tenants
  end

  def make_files(files)
    files.each do |file|
      path = File.join(@folder, file)
      FileUtils.mkdir_p(File.dirname(path))
      FileUtils.touch(path)
    end
  end

  def all_files = Dir.glob("**/*", File::FNM_DOTMATCH, base: @folder).sort

  def refused(code, &block)
    error = assert_raises(Knocker::Error, &block)
    assert_equal code, error.code, error.message
    error
  end

  def request(body = { id: "evt_1", type: "a" }) = sign("stripe", body, "whsec_test")

  def env_of(path, host: "shop.example", **other)
    signed = request
    headers = Knocker::Headers.pairs(signed.headers).to_h.transform_keys { |name| "HTTP_#{name.upcase.tr("-", "_")}" }
    { "REQUEST_METHOD" => "POST", "PATH_INFO" => path, "HTTP_HOST" => host, "rack.input" => StringIO.new(signed.body), "rack.url_scheme" => "http",
      "CONTENT_LENGTH" => signed.body.bytesize.to_s, **headers, **other }
  end

  def test_what_a_pattern_stands_for_is_as_in_the_data
    data("patterns")["cases"].each do |one|
      folder = Dir.mktmpdir(nil, @folder)
      one["files"].each do |file|
        FileUtils.mkdir_p(File.dirname(File.join(folder, file)))
        FileUtils.touch(File.join(folder, file))
      end
      pattern = Knocker::Tenants::Pattern.new(File.join(folder, one["pattern"]))
      assert_equal one["names"].keys.sort, pattern.names, one["pattern"]
      one["names"].each do |name, file|
        assert_equal File.join(folder, file), pattern.path(name)
        assert_equal name, pattern.name(File.join(folder, file))
      end
      (one["files"] - one["names"].values).each { |file| assert_nil pattern.name(File.join(folder, file)), file unless file.include?("deep/er") }
    end
  end

  def test_what_is_no_pattern_is_refused
    data("patterns")["wrong"].each { |wrong| refused("usage") { Knocker.open_many(wrong) { nil } } }
    refused("usage") { Knocker.open_many(nil) { nil } }
    refused("usage") { Knocker.open_many("tenants/*.db") }
    refused("usage") { open_many(max_open: 0) }
    refused("usage") { open_many(busy_timeout_s: "long") }
    refused("usage") { open_many.worker(concurrency: 0) }
  end

  def test_names_of_strangers_reach_no_other_file_and_make_none
    given = data("names")
    make_files(given["files"])
    given["folders"].each { |folder| FileUtils.mkdir_p(File.join(@folder, folder)) }
    given["links"].each { |link, to| File.symlink(to, File.join(@folder, link)) }
    tenants = open_many(given["pattern"])
    before = all_files
    given["cases"].each do |one|
      name = one["name"].is_a?(Hash) ? one["name"]["repeated"] * one["name"]["times"] : one["name"]
      status = tenants.rack(tenant: ->(_) { name }).call(env_of("/inbox")).first
      if one["known"]
        assert_equal 200, status, name
        assert_equal(1, tenants.hooks(name) { |hooks| hooks.events.count })
      else
        assert_equal 404, status, name
        refused("unknown_tenant") { tenants.hooks(name) { flunk } }
        # What could be a name is made by who may.
        refused("unknown_tenant") { tenants.create(name) } if name.match?(%r{\A\.|[/\\:[:cntrl:]]|\A\z})
      end
    end
    assert_empty(all_files.grep_v(/-(wal|shm)\z/) - before)
    assert_equal 0, File.size(File.join(@folder, "outside.db"))
    assert_equal given["cases"].select { |one| one["known"] }.map { |one| one["name"] }.sort, tenants.names
  end

  def test_the_tenant_is_the_part_before_the_endpoint
    tenants = open_many
    tenants.create("a b")
    tenants.create(:acme)
    rack = tenants.rack
    known = ["/acme/inbox", "/acme/inbox/", "/x/acme/inbox", "/a%20b/inbox", "/a b/inbox"]
    known.each { |path| assert_equal 200, rack.call(env_of(path)).first, path }
    mounted = { "SCRIPT_NAME" => "/webhooks", "REQUEST_URI" => "/webhooks/acme/inbox?x=/y/z" }
    assert_equal 200, rack.call(env_of("/acme/inbox", **mounted)).first
    none = ["/inbox", "/", "/acme", "//inbox", "/acme/other", "/acme%2Finbox", "/..%2Facme/inbox", "/%00/inbox", "/%ff/inbox", "/acme/inbox/more"]
    none.each { |path| assert_equal 404, rack.call(env_of(path)).first, path }
    assert_equal 404, rack.call(env_of("/inbox", "SCRIPT_NAME" => "/acme", "REQUEST_URI" => "/acme/inbox")).first
    by_host = tenants.rack(tenant: ->(env) { env["HTTP_HOST"].partition(".").first })
    assert_equal 200, by_host.call(env_of("/inbox", host: "acme.shop.example")).first
    assert_equal 404, tenants.rack(tenant: ->(_) {}).call(env_of("/acme/inbox")).first
  end

  def test_a_tenant_is_made_once_and_set_up_each_time_its_file_is_opened
    set_up = []
    tenants = open_many("tenants/*/app.db", max_open: 1) { |_, tenant| set_up << tenant }
    tenants.create("acme")
    tenants.create("zoe")
    refused("usage") { tenants.create("acme") }
    tenants.hooks("acme") { nil }
    tenants.hooks("acme") { nil }
    assert_equal %w[acme zoe acme], set_up
    assert_equal %w[acme zoe], tenants.names
    assert File.file?(File.join(@folder, "tenants/acme/app.db"))
    refused("usage") { tenants.hooks("acme") }
  end

  def test_a_body_that_comes_slowly_keeps_no_file_open
    tenants = open_many(max_open: 1, busy_timeout_s: 0.2)
    %w[a b].each { |name| tenants.create(name) }
    body = StringIO.new(request.body)
    meanwhile = nil
    body.define_singleton_method(:read) do |*arguments|
      meanwhile ||= tenants.hooks("b") { "b was open" }
      super(*arguments)
    end
    assert_equal 200, tenants.rack.call(env_of("/a/inbox", "rack.input" => body)).first
    assert_equal "b was open", meanwhile
    assert_equal(1, tenants.hooks("a") { |hooks| hooks.events.count })
    # It may go while its body comes.
    body = StringIO.new(request.body)
    folder = @folder
    body.define_singleton_method(:read) do |*arguments|
      FileUtils.rm_f(File.join(folder, "tenants/a.db"))
      super(*arguments)
    end
    assert_equal 404, tenants.rack.call(env_of("/a/inbox", "rack.input" => body)).first
    refute File.exist?(File.join(@folder, "tenants/a.db"))
  end

  def test_no_more_files_are_open_than_allowed_and_none_is_closed_under_its_user
    tenants = open_many(max_open: 2, busy_timeout_s: 0.2)
    %w[a b c].each { |name| tenants.create(name) }
    open_now = -> { %w[a b c].count { |name| File.exist?(File.join(@folder, "tenants/#{name}.db-shm")) } }
    tenants.hooks("a") do |hooks|
      tenants.hooks("b") do
        error = refused("too_many_open") { tenants.hooks("c") { flunk } }
        assert error.retryable?
        status, headers, = tenants.rack.call(env_of("/c/inbox"))
        assert_equal [503, "5"], [status, headers["retry-after"]]
        assert_equal 200, tenants.rack.call(env_of("/a/inbox")).first
      end
      # That was used last; the one that is in use was opened before.
      tenants.hooks("c") { assert_equal 2, open_now.call }
      assert_equal 1, hooks.events.count
    end
    assert_equal 2, open_now.call
    tenants.close
    assert_equal 0, open_now.call
    refused("closed") { tenants.hooks("a") { flunk } }
  end

  def test_a_set_up_that_uses_its_own_tenant_waits_for_itself_no_longer_than_for_a_place
    tenants = nil
    tenants = open_many(busy_timeout_s: 0.1) { |_, tenant| tenants.hooks(tenant) { flunk } }
    make_files(["tenants/acme.db"])
    assert_match(/the file of the tenant "acme" is being opened/, refused("busy") { tenants.hooks("acme") { flunk } }.message)
    Timeout.timeout(PATIENCE_S) { tenants.close }
  end

  def test_who_waits_gets_the_place_of_who_ends
    tenants = open_many(max_open: 1, busy_timeout_s: PATIENCE_S)
    %w[a b].each { |name| tenants.create(name) }
    inside = Thread::Queue.new
    go_on = Thread::Queue.new
    first = Thread.new { tenants.hooks("a") { inside.push(1) && go_on.pop } }
    inside.pop
    second = Thread.new { tenants.hooks("b") { |hooks| hooks.database.path } }
    wait_until("the second to wait") { second.status == "sleep" }
    go_on.push(1)
    assert second.value.end_with?("b.db")
    first.join
  end

  def test_many_threads_that_use_more_files_than_may_be_open
    tenants = open_many(max_open: 3, busy_timeout_s: PATIENCE_S)
    names = Array.new(8) { |n| "t#{n}" }
    names.each { |name| tenants.create(name) }
    threads = Array.new(6) do |n|
      Thread.new { 8.times { |k| tenants.hooks(names[(k * (n + 1)) % 8]) { |hooks| hooks.update_endpoint("inbox", max_attempts: k + 1) } } }
    end
    threads.each(&:join)
    assert_operator Dir.children(File.join(@folder, "tenants")).count { |file| file.end_with?("-shm") }, :<=, 3
  end

  def test_a_file_that_is_replaced_is_set_up_again_and_one_that_is_removed_is_unknown
    set_up = 0
    tenants = open_many do |hooks, tenant|
      set_up += 1
      @set_up.call(hooks, tenant)
    end
    %w[acme other].each { |name| tenants.create(name) }
    assert_equal 200, tenants.rack.call(env_of("/acme/inbox")).first
    before = set_up
    tenants.hooks("other") { |hooks| hooks.database.rows("VACUUM INTO ?", [File.join(@folder, "copy.db")]) }
    File.rename(File.join(@folder, "copy.db"), File.join(@folder, "tenants/acme.db"))
    wait_until("the new file") do
      tenants.hooks("acme") { |hooks| hooks.events.none? }
    rescue Knocker::FileReplacedError
      false
    end
    assert_equal before + 1, set_up
    File.delete(*Dir[File.join(@folder, "tenants/acme.db*")])
    refused("unknown_tenant") { tenants.hooks("acme") { flunk } }
    assert_equal 404, tenants.rack.call(env_of("/acme/inbox")).first
    assert_equal %w[other], tenants.names
    tenants.create("acme")
    assert_equal 200, tenants.rack.call(env_of("/acme/inbox")).first
    assert_equal(1, tenants.hooks("acme") { |hooks| hooks.events.count })
  end

  def test_what_set_up_raises_is_one_tenants_trouble_and_its_words_are_in_no_log
    tenants = open_many do |hooks, tenant|
      raise KeyError, "s3cret" if tenant == "bad"

      @set_up.call(hooks, tenant)
    end
    tenants.create("good")
    assert_raises(KeyError) { tenants.create("bad") }
    assert_equal 500, tenants.rack.call(env_of("/bad/inbox")).first
    assert_equal 200, tenants.rack.call(env_of("/good/inbox")).first
    assert_includes @log.string, "tenant bad, endpoint inbox: receipt not stored, answered 500: internal: KeyError"
    refute_includes @log.string, "s3cret"
  end

  def test_a_file_that_is_none_is_answered_so_that_the_sender_comes_again
    tenants = open_many
    File.write(File.join(@folder, "tenants/bad.db"), "no database" * 100)
    assert_equal 503, tenants.rack.call(env_of("/bad/inbox")).first
  end

  def test_hooks_that_their_user_has_closed_are_opened_again
    tenants = open_many
    tenants.create("acme")
    tenants.hooks("acme", &:close)
    assert_equal 200, tenants.rack.call(env_of("/acme/inbox")).first
    assert_empty(Knocker::Hooks.opened.select { |hooks| hooks.database.path.start_with?(@folder) })
  end

  def test_a_child_goes_on_with_what_is_open
    tenants = open_many(max_open: 2)
    %w[a b c].each { |name| tenants.create(name) }
    outcome = tenants.hooks("a") do
      in_child do
        statuses = %w[a b c].map { |name| tenants.rack.call(env_of("/#{name}/inbox")).first }
        tenants.close
        statuses
      end
    end
    assert_equal [:returned, [200, 200, 200]], outcome
    assert_equal([1, 1, 1], %w[a b c].map { |name| tenants.hooks(name) { |hooks| hooks.events.count } })
  end
end
