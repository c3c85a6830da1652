defmodule Knocker.Ecto do
  @moduledoc """
  Handlers that write through an Ecto repository, on `Ecto.Adapters.SQLite3` and on the same file.

      def handle_event(%{type: "order.paid"} = event, tx) do
        receipt = MyApp.Bank.receipt!(event.key)

        Knocker.Ecto.transaction(tx, MyApp.Repo, fn ->
          MyApp.Repo.insert(Order.changeset(%Order{}, %{id: event.key, receipt: receipt}), on_conflict: :nothing)
        end)
      end

  What the function does through the repository, changesets and queries, and the event's being handled are one transaction: they commit together, or none
  of them does. It begins with the function, so that what comes before holds no lock.

  The repository's connections need the library, which `init/2` gives them:

      defmodule MyApp.Repo do
        use Ecto.Repo, otp_app: :my_app, adapter: Ecto.Adapters.SQLite3

        @impl true
        def init(_context, config), do: {:ok, Knocker.Ecto.configure(config)}
      end

  ## Transactions of your own

  Begin those that write with `Repo.transaction(fun, mode: :immediate)`. SQLite's default is a deferred one: where it reads first and another connection
  writes meanwhile, its first write fails at once with "database is locked" ("Database busy" to older exqlites), whatever `busy_timeout` says, because
  waiting cannot make what it has read current again. `default_transaction_mode: :immediate` in the repository's configuration says so for all of them.

  ## Logs

  Ecto's log prints the parameters of queries. Every query of Knocker's goes with `log: false`, and carries no secret and no body.
  """

  alias Knocker.{Errors, Library, Transaction}
  alias Knocker.Driver.Exqlite.Failure

  @doc "Adds the library to the configuration of a repository. `path` is that of the library, where it is not the one that Knocker finds."
  @spec configure(keyword(), Path.t() | nil) :: keyword()
  def configure(config, path \\ nil) do
    case Library.path(path) do
      {:ok, path} -> Keyword.update(config, :load_extensions, [path], &Enum.uniq(&1 ++ [path]))
      {:error, error} -> raise error
    end
  end

  @doc """
  Runs a function in a transaction of the repository's that ends with the event's being handled, and gives what a handler returns.

  The function returns what a handler may (`Knocker.Handler`). After `:ok` and `{:ok, _}` all of it is committed. Anything else, an exception and
  `Repo.rollback/1` take everything back, and the worker records the attempt as it does of any handler.

  It is the last that the handler does with its event, and goes where one handler wants the event and `tx` is not used. Such is the price of one
  transaction: it is the repository's, and `tx` is another.
  """
  @spec transaction(Transaction.t(), module(), (() -> Knocker.Handler.result())) :: Knocker.Handler.result()
  def transaction(tx, repo, work) when is_function(work, 0) do
    with {:ok, lease} <- Transaction.elsewhere(tx) do
      case locked(tx, fn -> repo.transaction(fn -> work.() |> conclude(repo, lease) end, mode: :immediate, log: false) end) do
        {:ok, handled} ->
          Transaction.settled(tx)
          handled

        {:error, {__MODULE__, said}} ->
          said

        {:error, reason} ->
          {:error, reason}
      end
    end
  end

  # Calls of Knocker's that write on another connection would wait for this one.
  defp locked(tx, work) do
    Transaction.put_begun(tx, true)
    work.()
  after
    Transaction.put_begun(tx, false)
  end

  defp conclude(said, repo, lease) do
    if said == :ok or match?({:ok, _anything}, said) do
      case repo.query("SELECT knocker_handled(?1, ?2, ?3, ?4)", lease.(), log: false) do
        {:ok, _result} -> said
        {:error, error} -> repo.rollback({__MODULE__, {:error, known(error)}})
      end
    else
      repo.rollback({__MODULE__, said})
    end
  end

  defp known(%{message: "no such function: knocker_handled" = message} = error) do
    why = "#{message}: the repository's connections have no Knocker; let init/2 of the repository give them Knocker.Ecto.configure(config)"
    Errors.new("cannot_load", why, error)
  end

  defp known(error), do: error |> Exception.message() |> String.replace(~r/\n.*/s, "") |> Failure.of() |> Errors.from_sqlite()
end
