defmodule Shop.Builds do
  @moduledoc "Pushes that are to be built."

  def build(event, tx) do
    push = Knocker.Event.json!(event)
    values = [push["repository"]["full_name"], push["after"]]
    Knocker.execute(tx, "INSERT INTO builds VALUES (?, ?) ON CONFLICT DO NOTHING", values)
  end
end
