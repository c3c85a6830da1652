# frozen_string_literal: true

require "test_helper"
require "rack"

# The Rack app as servers and frameworks call it.
class RackTest < KnockerTest
  HEADERS = { "HTTP_HOST" => "shop.example", "HTTP_X_WEBHOOK_TOKEN" => "right" }.freeze
  # An input as Rack 3 asks for it, and no more.
  Once = Struct.new(:input) do
    def read(...) = input.read(...)
    def gets = input.gets
    def each(&) = input.each(&)
  end

  def token_hooks(**settings)
    @hooks = open_hooks(**settings)
    @token = @hooks.endpoint("token", provider: "token", secrets: ["right"])
    @hooks
  end

  def post(app, path = "/token", body: "{}", **env)
    Rack::MockRequest.new(app).post(path, { input: body, **HEADERS, **env.transform_keys(&:to_s) })
  end

  def env(body, **more)
    { "REQUEST_METHOD" => "POST", "PATH_INFO" => "/token", "CONTENT_LENGTH" => body.bytesize.to_s, "rack.input" => StringIO.new(body), **HEADERS,
      **more }
  end

  def test_it_keeps_to_the_rules_of_rack
    app = Rack::Lint.new(token_hooks.rack)
    assert_equal 200, post(app).status
    assert_equal 401, post(app, HTTP_X_WEBHOOK_TOKEN: "wrong").status
    assert_equal 404, post(app, "/other").status
    assert_equal 400, post(@hooks.rack, HTTP_HOST: "a b").status
    assert_equal [404, ""], Rack::MockRequest.new(app).head("/other").then { |answer| [answer.status, answer.body] }
  end

  def test_an_endpoint_is_an_app_of_its_own_at_every_path
    token_hooks
    assert_equal 200, post(Rack::Lint.new(@token), "/wherever/it/is").status
  end

  def test_below_a_mount
    app = Rack::URLMap.new("/webhooks" => token_hooks.rack)
    assert_equal 200, post(app, "/webhooks/acme/token").status
    assert_equal "http://shop.example/webhooks/acme/token", @hooks.delivery(1).url
  end

  def test_an_input_that_was_read_is_rewound_where_that_can_be
    app = token_hooks.rack
    read = StringIO.new("{}").tap(&:read)
    assert_equal 200, app.call(env("{}", "rack.input" => read)).first
    assert_equal 200, app.call(env("{}", "rack.input" => Once.new(StringIO.new("{}")))).first
    assert_equal 500, app.call(env("{}", "rack.input" => Once.new(read))).first
    assert_includes @log.string, "body_consumed"
    @log.truncate(0)
    assert_equal 500, app.call(env("{}", "rack.input" => StringIO.new("{}").tap(&:close))).first
    assert_includes @log.string, "body_consumed"
    half = StringIO.new('{"half": 1}').tap { |input| input.read(5) }
    assert_equal 400, app.call(env('{"half": 1}', "rack.input" => Once.new(half))).first
    assert_includes @log.string, "something in front of Knocker read some of it"
    # What Rails keeps of a body that it has read.
    assert_equal 200, app.call(env("{}", "rack.input" => Once.new(read), "RAW_POST_DATA" => "{}")).first
    assert_equal ["{}"], @hooks.deliveries(with_body: true).map(&:body).uniq
  end

  def test_no_more_than_the_limit_is_read
    @hooks = open_hooks
    @hooks.endpoint("token", provider: "token", secrets: ["right"], max_body_bytes: 100)
    read = 0
    endless = Object.new
    endless.define_singleton_method(:read) do |length|
      read += length
      "x" * length
    end
    assert_equal 413, @hooks.rack.call(env("", "CONTENT_LENGTH" => nil, "rack.input" => endless)).first
    assert_equal 101, read
  end

  def test_forwarded_headers_count_where_the_peer_is_trusted
    token_hooks(trusted_proxies: ["10.0.0.0/8", "::1", "unix"])
    forwarded = { HTTP_X_FORWARDED_PROTO: "https", HTTP_X_FORWARDED_HOST: "hooks.example" }
    %w[10.1.2.3 ::ffff:10.1.2.3 ::1].each { |peer| post(@hooks.rack, REMOTE_ADDR: peer, **forwarded) }
    post(@hooks.rack, REMOTE_ADDR: nil, **forwarded)
    %w[11.1.2.3 ::2 nonsense].each { |peer| post(@hooks.rack, REMOTE_ADDR: peer, **forwarded) }
    urls = @hooks.deliveries.map(&:url)
    assert_equal (["https://hooks.example/token"] * 4) + (["http://shop.example/token"] * 3), urls
  end

  # Servers and what stands in front of an app give texts in encodings of their own, and strangers give bytes that are in none.
  def test_whatever_stands_in_a_request_is_an_answer_and_no_exception
    app = token_hooks(trusted_proxies: ["10.0.0.0/8"]).rack
    texts = ["\xff/token", "/\xff\0/token".b, "/token".encode("UTF-16LE"), "/token".encode("UTF-16"), "\x83".dup.force_encoding("Shift_JIS"),
             "http://\xff/token", "a\r\nb", "", nil]
    %w[
      REQUEST_METHOD SCRIPT_NAME PATH_INFO QUERY_STRING REQUEST_URI CONTENT_LENGTH CONTENT_TYPE REMOTE_ADDR HTTPS HTTP_HOST HTTP_X_OTHER
      HTTP_X_FORWARDED_PROTO HTTP_X_FORWARDED_HOST
    ].product(texts).each do |name, text|
      status, = app.call(env("{}", "REMOTE_ADDR" => "10.0.0.1", name => text).freeze)
      assert_includes [200, 400, 401, 404, 405], status, "#{name} #{text.inspect}"
    end
    assert_equal "", @log.string.lines.grep(/ERROR/).join
    assert_equal 200, app.call(env("{}", nil => "x", 1 => "y"))[0]
  end

  # A pattern that begins anew at each slash would take seconds for the second one, for which a stranger pays nothing.
  def test_a_path_of_slashes
    app = token_hooks.rack
    ["/token#{"/" * 200_000}", "#{"/" * 200_000}token"].each do |path|
      # The endpoint is found; its core finds the URL too long.
      assert_equal 401, app.call(env("{}", "PATH_INFO" => path))[0]
      assert_equal 401, app.call(env("{}", "PATH_INFO" => path, "REQUEST_URI" => path))[0]
    end
  end

  def test_an_input_whose_pieces_are_in_several_encodings
    token_hooks
    pieces = ["\xff\xfe".b, "é"]
    input = Object.new
    input.define_singleton_method(:read) { |*| pieces.shift }
    @token.call(env("", "CONTENT_LENGTH" => "4", "rack.input" => input))
    assert_equal "\xff\xfe\xc3\xa9".b, @hooks.deliveries(with_body: true).first.body
  end
end
