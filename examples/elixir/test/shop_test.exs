defmodule ShopTest do
  use ExUnit.Case, async: true
  use Knocker.Testing, endpoints: Shop.Hooks.endpoints(), schema: Shop.Schema.tables()

  @checkout File.read!("../payloads/stripe-checkout-session-completed.json")
  @push File.read!("../payloads/github-push.json")

  test "a checkout becomes an order, once", %{hooks: hooks} do
    stripe = Knocker.endpoint(hooks, :stripe)
    request = sign(hooks, :stripe, System.fetch_env!("STRIPE_WEBHOOK_SECRET"), @checkout)
    assert {:ok, %{outcome: :accepted, event_id: id}} = Knocker.receive(stripe, request)
    assert {:ok, %{outcome: :duplicate}} = Knocker.receive(stripe, request)
    assert [%{status: :handled}] = drain(hooks)

    {:ok, _transition} = Knocker.replay(hooks, id)
    assert [%{status: :handled}] = drain(hooks)
    assert [[_order]] = Knocker.Testing.rows!(hooks, "SELECT id FROM orders")
  end

  test "a push is built", %{hooks: hooks} do
    secret = System.fetch_env!("GITHUB_WEBHOOK_SECRET")
    request = sign(hooks, :github, secret, @push, [{"X-GitHub-Event", "push"}])
    assert {:ok, %{outcome: :accepted}} = Knocker.receive(Knocker.endpoint(hooks, :github), request)
    assert [%{status: :handled}] = drain(hooks)
    assert [[_repository, _revision]] = Knocker.Testing.rows!(hooks, "SELECT * FROM builds")
  end

  test "what is not known fails and is tried again", %{hooks: hooks} = context do
    ping = sign(hooks, :github, System.fetch_env!("GITHUB_WEBHOOK_SECRET"), "{}", [{"X-GitHub-Event", "ping"}])
    {:ok, _receipt} = Knocker.receive(Knocker.endpoint(hooks, :github), ping)
    assert [%{status: :failed, error: %Knocker.NoHandlerError{}}] = drain(hooks)
    advance(context, 60)
    assert [%{status: :failed}] = drain(hooks)
  end
end
