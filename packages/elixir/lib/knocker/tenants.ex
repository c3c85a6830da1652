defmodule Knocker.Tenants do
  @moduledoc """
  The webhooks of many SQLite files, one a tenant, each opened when it is first needed.

      children = [
        {Knocker.Tenants, name: MyApp.Tenants, files: "tenants/*.db", endpoints: &MyApp.Webhooks.endpoints/1},
        {Knocker.Tenants.Worker, tenants: MyApp.Tenants, concurrency: 2}
      ]

  `*` is the tenant's name, in the last part of the path or the one before (`tenants/*/app.db`). `endpoints:` is a function of it, called each time that the
  file is opened, and gives what `endpoints:` of `Knocker` takes. `Knocker.Plug` receives for all of them (`tenants:`), and `hooks/3` gives the hooks of one.
  """

  use Supervisor

  alias Knocker.{Arguments, Errors, Options}
  alias Knocker.Tenants.{Pattern, Pool}

  @enforce_keys [:name, :pattern, :max_open, :endpoints, :options, :read, :patience_ms]
  @derive {Inspect, only: [:name]}
  defstruct [:name, :pattern, :max_open, :endpoints, :options, :read, :patience_ms]

  @typedoc false
  @type t :: %__MODULE__{}

  @typedoc "The name that tenants were started with."
  @type tenants :: term()

  @most_open 10_000

  @doc """
  Tenants as a child of a supervisor.

  Options:

  * `:name`: how they are called; `Knocker.Tenants` by default
  * `:files`: the path of the files, with one `*`; required
  * `:endpoints`: a function of the tenant's name, which gives its endpoints; required
  * `:max_open`: how many files are open at once to receive and for `hooks/3`, and how many to be worked on; 32 by default. A file costs ten processes and
    two to four connections, and four connections more while it is worked on, with one for each handler that may run at once; a connection has two or three
    descriptors
  * those of `Knocker.child_spec/1` but for `:database`, for each file
  """
  def child_spec(options) do
    %{
      id: options |> Arguments.keywords("the options of Knocker.Tenants") |> Keyword.get(:name, __MODULE__),
      start: {__MODULE__, :start_link, [options]},
      type: :supervisor,
      shutdown: :infinity
    }
  end

  @doc "Starts tenants with the options of `child_spec/1`."
  @spec start_link(keyword()) :: Supervisor.on_start()
  def start_link(options) do
    with {:ok, tenants} <- read(options) do
      Supervisor.start_link(__MODULE__, tenants, name: {:via, Registry, {Knocker.Registry, {__MODULE__, tenants.name}, tenants}})
    end
  end

  defp read(options) do
    {own, options} = options |> Arguments.keywords("the options of Knocker.Tenants") |> Keyword.split([:name, :files, :endpoints, :max_open])
    max_open = Keyword.get(own, :max_open, 32)

    with :ok <- if(is_function(own[:endpoints], 1), do: :ok, else: usage("endpoints: is a function of a tenant's name")),
         :ok <- if(is_integer(max_open) and max_open in 1..@most_open, do: :ok, else: usage("max_open: is 1 to #{@most_open}")),
         :ok <- if(Keyword.has_key?(options, :database), do: usage("files: takes the place of database:"), else: :ok),
         {:ok, pattern} <- Pattern.read(own[:files]),
         {:ok, read} <- Options.read([database: pattern.path] ++ options) do
      {:ok,
       %__MODULE__{
         name: Keyword.get(own, :name, __MODULE__),
         pattern: pattern,
         max_open: max_open,
         endpoints: own[:endpoints],
         options: options,
         read: read,
         patience_ms: read.busy_timeout_ms
       }}
    end
  end

  defp usage(message), do: {:error, Errors.new("usage", message)}

  @impl true
  def init(tenants) do
    Supervisor.init(
      [{DynamicSupervisor, name: supervisor(tenants), strategy: :one_for_one}, {Pool, {tenants, :receiving}}, {Pool, {tenants, :working}}],
      # The files are their pool's.
      strategy: :one_for_all
    )
  end

  @doc false
  # Whose children the files are.
  def supervisor(tenants), do: {:via, Registry, {Knocker.Registry, {__MODULE__, tenants.name, :files}}}

  @doc false
  @spec fetch(tenants()) :: {:ok, t()} | {:error, Exception.t()}
  def fetch(name) do
    case Registry.lookup(Knocker.Registry, {__MODULE__, name}) do
      [{_pid, %__MODULE__{} = tenants}] -> {:ok, tenants}
      _none -> {:error, Errors.new("closed", "the tenants #{inspect(name)} are closed, or were never started")}
    end
  end

  @doc "The names of the tenants whose files are there, in order."
  @spec names(tenants()) :: Knocker.result([String.t()])
  def names(tenants), do: with({:ok, found} <- fetch(tenants), do: {:ok, Pattern.names(found.pattern)})

  @doc "Makes the file of a new tenant, with its endpoints. One that is there already is a `Knocker.UsageError`."
  @spec create(tenants(), String.t()) :: :ok | {:error, Exception.t()}
  def create(tenants, tenant) do
    with {:ok, found} <- fetch(tenants),
         :ok <- Pattern.create(found.pattern, tenant),
         # Hooks of one that had the name wait for a file that is not empty, and SQLite takes no log for that of a new file.
         :ok <- Pool.drop(found, :receiving, tenant),
         :ok <- Pool.drop(found, :working, tenant),
         {:ok, :ok} <- hooks(tenants, tenant, fn _hooks -> :ok end),
         do: :ok
  end

  @doc """
  Runs a function with the hooks of a tenant's file, which stays open meanwhile: for what `Knocker` does with the hooks of one file. They are not to be used
  after it. Gives `{:ok, result}` of the function.

  A tenant that has no file, or a name that no file can have, is a `Knocker.UnknownTenantError`: only `create/2` makes one. Where `max_open` others were in
  use for as long as `busy_timeout_ms` says, it is a `Knocker.TooManyOpenError`.

      Knocker.Tenants.hooks(MyApp.Tenants, "acme", &Knocker.stats/1)
  """
  @spec hooks(tenants(), String.t(), (Knocker.hooks() -> result)) :: Knocker.result(result) when result: term()
  def hooks(tenants, tenant, work) do
    with {:ok, found} <- fetch(tenants),
         # Looked at first: what strangers ask for is not to close a tenant's file.
         {:ok, _path} <- Pattern.file(found.pattern, tenant),
         do: Pool.use_file(found, :receiving, tenant, work)
  end
end
