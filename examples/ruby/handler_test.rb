# frozen_string_literal: true

# The smallest endpoint with a handler; the documentation's page of each provider shows it with that provider's name.

require "minitest/autorun"
require "tmpdir"

ENV["GITHUB_WEBHOOK_SECRET"] ||= "test-secret"

require "knocker/testing"

# One event, received and handled.
class HandlerTest < Minitest::Test
  include Knocker::Testing

  PUSH = File.read(File.expand_path("../payloads/github-push.json", __dir__))

  def test_an_event_is_received
    hooks = Knocker.open(File.join(Dir.mktmpdir, "app.db"))
    # region: handler
    endpoint = hooks.endpoint("github", provider: "github", secrets: [ENV.fetch("GITHUB_WEBHOOK_SECRET")])

    endpoint.on("push") do |event, tx|
      tx.execute("INSERT INTO received (event, type) VALUES (?, ?)", [event.id, event.type])
    end
    # endregion: handler
    hooks.database.rows("CREATE TABLE received (event INTEGER PRIMARY KEY, type TEXT)")
    endpoint.receive(sign("github", PUSH, ENV.fetch("GITHUB_WEBHOOK_SECRET"), headers: { "X-GitHub-Event" => "push" }))
    assert_equal [:handled], drain(hooks).map(&:status)
    assert_equal [["push"]], hooks.database.rows("SELECT type FROM received")
    hooks.close
  end
end
