# The quick start of the package, in one file: `mix run --no-start --no-halt quickstart.exs`.
{:ok, _started} = Application.ensure_all_started(:knocker)

defmodule MyApp.StripeHandler do
  use Knocker.Handler

  def handle_event(%{type: "checkout.session.completed"} = event, tx) do
    session = Knocker.Event.json!(event)["data"]["object"]
    Knocker.execute!(tx, "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)")
    Knocker.execute(tx, "INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", [session["id"]])
  end
end

children = [
  {Knocker,
   name: MyApp.Hooks,
   database: System.get_env("SHOP_DB", "app.db"),
   endpoints: [
     stripe: [
       provider: "stripe",
       secrets: [System.fetch_env!("STRIPE_WEBHOOK_SECRET")],
       handler: MyApp.StripeHandler
     ]
   ]},
  {Knocker.Worker, hooks: MyApp.Hooks, concurrency: 2}
]

{:ok, supervisor} = Supervisor.start_link(children, strategy: :one_for_one)

# What runs a script ends with it, and all that is linked to it. An application starts its supervisor in its own `start/2`.
Process.unlink(supervisor)
