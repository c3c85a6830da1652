defmodule Knocker.ChangeNews do
  @moduledoc false
  # Tells the workers of this virtual machine that the database has changed.

  @doc "The calling process gets `:knocker_changed` after each change; several changes may be one message."
  def subscribe(hooks), do: Registry.register(Knocker.News, hooks.name, nil)

  @doc "Says that something changed."
  def notify(hooks), do: Registry.dispatch(Knocker.News, hooks.name, fn subscribed -> for {pid, _} <- subscribed, do: send(pid, :knocker_changed) end)
end
