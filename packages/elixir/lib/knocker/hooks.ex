defmodule Knocker.Hooks do
  @moduledoc false
  # The webhooks of one SQLite file in one virtual machine: a supervisor with a process for each thing that only one may do at a time. What all of them
  # and every caller need to know stands in the registry, under the name of the hooks.

  alias Knocker.{Checkpoints, Database, Declarations, Errors, Judges, Keeper, Options, Writer}

  @enforce_keys [:name, :options, :table, :paces, :numbers]
  @derive {Inspect, only: [:name]}
  defstruct [:name, :options, :table, :paces, :numbers]

  @typedoc """
  Settings, a table of what is known of file and endpoints, one of how quick handlers are, and numbers that change often (see `Knocker.Hooks.number/2`).
  """
  @type t :: %__MODULE__{name: term(), options: Options.t(), table: :ets.table(), paces: :ets.table(), numbers: :atomics.atomics_ref()}

  @numbers [:generation, :distrusted, :waiting_calls, :waiting_bytes, :accompanied_ms, :written, :closing]

  @doc "A function that gives the options, so that no report of a supervisor prints the secrets among them."
  @spec start_link((() -> keyword()), create: boolean()) :: {:ok, pid()} | {:error, term()}
  def start_link(options, own_options \\ []) when is_function(options, 0) do
    with {:ok, given} <- keywords(options.()),
         {own, given} = Keyword.split(given, [:name, :endpoints]),
         {:ok, read} <- Options.read(given) do
      name = Keyword.get(own, :name, Knocker)

      hooks = %__MODULE__{
        name: name,
        options: struct!(read, own_options),
        table: nil,
        paces: nil,
        numbers: :atomics.new(length(@numbers), signed: true)
      }

      endpoints = Keyword.get(own, :endpoints, [])

      case GenServer.start_link(Keeper, {hooks, fn -> endpoints end}, name: {:via, Registry, {Knocker.Registry, name, hooks}}) do
        {:error, {:shutdown, error}} -> {:error, error}
        other -> other
      end
    end
  end

  defp keywords(given),
    do: if(Keyword.keyword?(given), do: {:ok, given}, else: {:error, Errors.new("usage", "the options of Knocker are a keyword list")})

  @doc false
  @spec start_processes(t(), (() -> term())) :: Supervisor.on_start()
  def start_processes(hooks, endpoints) do
    # Those of hooks that were killed may still be about to end, and have the names until then.
    for module <- [Database, Checkpoints, Judges, Writer], former = GenServer.whereis(process(hooks, module)) do
      monitor = Process.monitor(former)

      receive do
        {:DOWN, ^monitor, :process, _pid, _reason} -> :ok
      end
    end

    # Those behind one that ends hold what it gave them.
    Supervisor.start_link(
      [{Database, hooks}, {Checkpoints, hooks}, {Judges, hooks}, {Writer, hooks}, {Declarations, {hooks, endpoints}}],
      strategy: :rest_for_one,
      max_restarts: 10
    )
  end

  @doc "The hooks of a name."
  @spec fetch(term()) :: {:ok, t()} | {:error, Exception.t()}
  def fetch(%__MODULE__{} = hooks), do: {:ok, hooks}

  def fetch(name) do
    case Registry.lookup(Knocker.Registry, name) do
      # The registry forgets somewhat later than a process ends.
      [{pid, %__MODULE__{table: table} = hooks}] when table != nil -> if Process.alive?(pid), do: {:ok, hooks}, else: closed(name)
      _none -> closed(name)
    end
  end

  @spec closed(term()) :: {:error, Exception.t()}
  def closed(name), do: {:error, Errors.new("closed", "the hooks #{inspect(name)} are closed, or were never started")}

  @doc "How to call one of the processes of these hooks."
  @spec process(t(), module()) :: GenServer.name()
  def process(hooks, module), do: {:via, Registry, {Knocker.Registry, {hooks.name, module}}}

  @doc "A call to one of these processes, which end when the hooks are closed."
  @spec call(t(), module(), term()) :: term() | {:error, Exception.t()}
  def call(hooks, module, message) do
    GenServer.call(process(hooks, module), message, :infinity)
  catch
    :exit, _reason -> closed(hooks.name)
  end

  @doc "What is known under a key, or nil; nothing is of hooks that are closed."
  @spec known(t(), term()) :: term() | nil
  def known(hooks, key) do
    case :ets.lookup(hooks.table, key) do
      [{_key, value}] -> value
      [] -> nil
    end
  rescue
    ArgumentError -> nil
  end

  @spec note(t(), term(), term()) :: :ok
  def note(hooks, key, value) do
    :ets.insert(hooks.table, {key, value})
    :ok
  rescue
    ArgumentError -> :ok
  end

  @spec forget(t(), term()) :: :ok
  def forget(hooks, key) do
    :ets.delete(hooks.table, key)
    :ok
  rescue
    ArgumentError -> :ok
  end

  for {name, index} <- Enum.with_index(@numbers, 1) do
    defp index(unquote(name)), do: unquote(index)
  end

  @doc "One of the numbers: #{inspect(@numbers)}."
  @spec number(t(), atom()) :: integer()
  def number(hooks, name), do: :atomics.get(hooks.numbers, index(name))

  @spec put_number(t(), atom(), integer()) :: :ok
  def put_number(hooks, name, value), do: :atomics.put(hooks.numbers, index(name), value)

  @doc "Adds to a number, and gives the sum."
  @spec add_number(t(), atom(), integer()) :: integer()
  def add_number(hooks, name, value), do: :atomics.add_get(hooks.numbers, index(name), value)
end
