defmodule Knocker.Handler do
  @moduledoc """
  Does the application's work for events.

      defmodule MyApp.StripeHandler do
        use Knocker.Handler

        def handle_event(%{type: "checkout.session.completed"} = event, tx),
          do: Knocker.execute(tx, "INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", [event.key])
      end

  A module wants the events for which one of its clauses matches. One that no handler of the endpoint wants is a failed attempt, tried again after the
  backoff, since a newer version may be on its way (the endpoint's setting `unhandled`).

  An endpoint's `handler:` is such a module, a function of event and `tx`, or a list of them, each perhaps with a type in front: exact, `"prefix.*"`, or
  `"*"`. Those who want an event run in the order of the list, in one transaction; the first that does not return `:ok` ends it.

      handler: [{"invoice.*", MyApp.Invoices}, {"*", &MyApp.Log.note/2}]

  `tx` begins a transaction at its first use, so that a handler that calls an API for ten seconds and then writes holds the write lock only for the write.
  The worker commits it together with the event.

  | a handler that returns | the event |
  |---|---|
  | `:ok`, `{:ok, anything}` | is handled |
  | `{:error, reason}` | is tried again after the endpoint's backoff, as after an exception, an exit or a throw |
  | `{:retry, seconds}`, `{:retry, seconds, why}` | is tried again after that long; `nil` is the backoff |
  | `{:ignore, why}` | becomes ignored |
  | `{:dead, why}` | becomes dead, without a further attempt |
  | anything else | is tried again after the backoff, and the attempt's error says so |

  All but the first take back what was written through `tx`.
  """

  @typedoc "What a handler says of its event."
  @type result ::
          :ok
          | {:ok, term()}
          | {:error, term()}
          | {:retry, number() | nil}
          | {:retry, number() | nil, term()}
          | {:ignore, term()}
          | {:dead, term()}

  @doc "Handles one event."
  @callback handle_event(event :: Knocker.Event.t(), tx :: Knocker.Transaction.t()) :: result()

  @doc false
  defmacro __using__(_options) do
    quote do
      @behaviour Knocker.Handler
    end
  end
end
