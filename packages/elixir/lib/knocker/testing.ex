defmodule Knocker.Testing do
  @moduledoc """
  For the tests of your handlers: a file of the test's own, a clock that stands still, signed requests, and a queue that is drained at once.

      defmodule MyApp.StripeHandlerTest do
        use ExUnit.Case, async: true
        use Knocker.Testing, endpoints: [stripe: [provider: "stripe", secrets: ["whsec_test"], handler: MyApp.StripeHandler]]

        test "a paid checkout becomes an order", %{hooks: hooks} do
          request = sign(hooks, :stripe, "whsec_test", ~s({"id": "evt_1", "type": "checkout.session.completed"}))
          assert {:ok, %{outcome: :accepted}} = Knocker.receive(Knocker.endpoint(hooks, :stripe), request)
          assert [%{status: :handled}] = drain(hooks)
        end
      end

  `use Knocker.Testing` starts hooks for each test with the options that it is given, on a file in a folder of the test's own. The context has
  `:hooks`, their name, `:knocker_clock`, and `:knocker_file`, the path. `:schema` is SQL that makes the application's tables, a list of statements.
  """

  alias Knocker.{Attempted, Database, Connection, Endpoint, Hooks, WebhookRequest}
  alias Knocker.Testing.Clock

  @doc false
  defmacro __using__(options \\ []) do
    quote do
      import Knocker.Testing, only: [drain: 1, drain: 2, sign: 4, sign: 5, advance: 2]

      setup context do
        Knocker.Testing.setup(context, unquote(options))
      end
    end
  end

  @doc """
  Starts hooks for the running test, and gives what `use Knocker.Testing` puts into its context: for a `setup` of your own. They are closed after the test.
  """
  @spec setup(map(), keyword()) :: %{hooks: term(), knocker_clock: Clock.t(), knocker_file: Path.t()}
  def setup(_context, options) do
    {schema, options} = Keyword.pop(options, :schema, [])
    clock = Clock.new()
    folder = Path.join(System.tmp_dir!(), "knocker-#{System.pid()}-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    file = Path.join(folder, "app.db")
    name = {__MODULE__, make_ref()}
    # A commit that no power cut must survive.
    defaults = [name: name, database: file, clock: Clock.function(clock), synchronous: :normal]
    hooks = ExUnit.Callbacks.start_supervised!({Knocker, Keyword.merge(defaults, options)}, id: name, restart: :temporary)
    true = is_pid(hooks)
    # Callbacks run in the reverse order, after the hooks are closed.
    ExUnit.Callbacks.on_exit(fn -> File.rm_rf!(folder) end)
    name = Keyword.get(options, :name, name)
    execute!(name, schema)
    %{hooks: name, knocker_clock: clock, knocker_file: file}
  end

  @doc "Runs statements on the file of these hooks, such as those that make tables."
  @spec execute!(term(), String.t() | [String.t()]) :: :ok
  def execute!(hooks, statements) do
    for statement <- List.wrap(statements), do: rows!(hooks, statement)
    :ok
  end

  @doc "The rows of a statement on the file of these hooks."
  @spec rows!(term(), String.t(), list()) :: [[term()]]
  def rows!(hooks, sql, parameters \\ []) do
    with {:ok, found} <- Hooks.fetch(hooks),
         {:ok, rows} <- Database.run(found, &Connection.rows(&1, sql, parameters)) do
      rows
    else
      {:error, error} -> raise error
    end
  end

  @doc """
  Runs the handlers of all that is due now, and gives the attempts in order. An event whose handler fails is not tried again before its backoff is over:
  `advance/2` the clock, then drain again. Options are those of `Knocker.drain/2`.
  """
  @spec drain(term(), keyword()) :: [Attempted.t()]
  def drain(hooks, options \\ []) do
    case Knocker.drain(hooks, options) do
      {:ok, attempts} -> attempts
      {:error, error} -> raise error
    end
  end

  @doc """
  The request that the endpoint's provider would send with this body, signed with this secret at the hooks' time. `headers` are those that are no part of the
  signature, such as `[{"X-GitHub-Event", "push"}]`.
  """
  @spec sign(term(), atom() | String.t(), String.t(), binary(), [{String.t(), String.t()}]) :: WebhookRequest.t()
  def sign(hooks, endpoint, secret, body, headers \\ []) do
    request = %WebhookRequest{url: "https://example.com/webhooks/#{endpoint}", headers: headers, body: body}

    case Endpoint.sign(Knocker.endpoint(hooks, endpoint), request, secret) do
      {:ok, signed} -> signed
      {:error, error} -> raise error
    end
  end

  @doc "Moves the clock of a test's context forward by seconds."
  @spec advance(map() | Clock.t(), number()) :: :ok
  def advance(%{knocker_clock: clock}, seconds), do: Clock.advance(clock, seconds)
  def advance(clock, seconds), do: Clock.advance(clock, seconds)
end
