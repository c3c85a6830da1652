defmodule Shop.StripeHandler do
  use Knocker.Handler

  @upsert """
  INSERT INTO orders (id, total, email) VALUES (?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET total = excluded.total, email = excluded.email
  """

  def handle_event(%{type: "checkout.session.completed"} = event, tx) do
    session = Knocker.Event.json!(event)["data"]["object"]

    if session["payment_status"] == "paid" do
      Knocker.execute(tx, @upsert, [session["id"], session["amount_total"], session["customer_details"]["email"]])
    else
      # Stripe sends checkout.session.async_payment_succeeded later.
      {:ignore, "not paid yet"}
    end
  end
end
