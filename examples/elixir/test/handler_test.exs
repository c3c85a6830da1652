defmodule HandlerTest do
  @moduledoc "The smallest endpoint with a handler; the documentation's page of each provider shows it with that provider's name."
  use ExUnit.Case, async: true

  import Knocker.Testing, only: [drain: 1, sign: 5]

  # region: handler
  defmodule Received do
    use Knocker.Handler

    def handle_event(%{type: "push"} = event, tx) do
      Knocker.execute(tx, "INSERT INTO received (event, type) VALUES (?, ?)", [event.id, event.type])
    end
  end

  def endpoints do
    [
      github: [
        provider: "github",
        secrets: [System.fetch_env!("GITHUB_WEBHOOK_SECRET")],
        handler: Received
      ]
    ]
  end

  # endregion: handler

  setup context do
    Knocker.Testing.setup(context,
      endpoints: endpoints(),
      schema: "CREATE TABLE received (event INTEGER PRIMARY KEY, type TEXT)"
    )
  end

  test "an event is received", %{hooks: hooks} do
    secret = System.fetch_env!("GITHUB_WEBHOOK_SECRET")
    push = sign(hooks, :github, secret, File.read!("../payloads/github-push.json"), [{"X-GitHub-Event", "push"}])
    assert {:ok, %{outcome: :accepted}} = Knocker.receive(Knocker.endpoint(hooks, :github), push)
    assert [%{status: :handled}] = drain(hooks)
    assert [["push"]] = Knocker.Testing.rows!(hooks, "SELECT type FROM received")
  end
end
