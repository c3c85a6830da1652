defmodule Knocker.Tenants.Pattern do
  @moduledoc false
  # Where the files of tenants are: a path with one `*`, which stands for the tenant's name.

  alias Knocker.Errors

  @enforce_keys [:path, :folder, :before, :after, :rest]
  defstruct [:path, :folder, :before, :after, :rest]

  @type t :: %__MODULE__{path: String.t(), folder: String.t(), before: String.t(), after: String.t(), rest: String.t()}

  # The `*` in the last part, or in the one before.
  @form ~r{\A((?:[^*]*/)?)([^*/]*)\*([^*/]*)((?:/[^*/]+)?)\z}su
  # What SQLite keeps beside a file.
  @beside ["-wal", "-shm", "-journal"]
  # A name of these, or with any of that, leads elsewhere or nowhere.
  @no_name ~r"\A(?:\.|\z)|[/\\:\p{Cc}]"u
  @longest_shown 100

  @doc "Reads `tenants/*.db`, or `tenants/*/app.db`."
  @spec read(term()) :: {:ok, t()} | {:error, Exception.t()}
  def read(given) do
    with true <- is_binary(given) and String.valid?(given) and not String.contains?(given, <<0>>),
         true <- Regex.match?(@form, given),
         path = Path.expand(given),
         [^path, folder, before, rest_of_part, rest] <- Regex.run(@form, path),
         false <- String.ends_with?(path, @beside) do
      {:ok, %__MODULE__{path: path, folder: folder, before: before, after: rest_of_part, rest: rest}}
    else
      _other ->
        {:error, Errors.new("usage", "files: is a path with one *, in its last part or the one before, not #{inspect(given, printable_limit: 200)}")}
    end
  end

  @doc "The path of a tenant's file, whether it is there or not."
  @spec path(t(), term()) :: {:ok, String.t()} | {:error, Exception.t()}
  def path(pattern, name), do: if(name?(pattern, name), do: {:ok, path_of(pattern, name)}, else: unknown(name))

  @doc "The path of a tenant's file that is there."
  @spec file(t(), term()) :: {:ok, String.t()} | {:error, Exception.t()}
  def file(pattern, name) do
    with {:ok, path} <- path(pattern, name), do: if(file?(path), do: {:ok, path}, else: unknown(name))
  end

  @doc "The name of the tenant whose file is at the absolute path, or nil."
  @spec name(t(), String.t()) :: String.t() | nil
  def name(pattern, path) do
    prefix = pattern.folder <> pattern.before
    suffix = pattern.after <> pattern.rest

    if String.starts_with?(path, prefix) and String.ends_with?(path, suffix) and byte_size(path) > byte_size(prefix) + byte_size(suffix) do
      name = binary_part(path, byte_size(prefix), byte_size(path) - byte_size(prefix) - byte_size(suffix))
      if name?(pattern, name), do: name
    end
  end

  @doc "The names of those whose files are there, in order."
  @spec names(t()) :: [String.t()]
  def names(pattern) do
    case File.ls(pattern.folder) do
      {:ok, found} ->
        Enum.sort(for part <- found, name = name(pattern, pattern.folder <> part <> pattern.rest), file?(path_of(pattern, name)), do: name)

      {:error, _none} ->
        []
    end
  end

  @doc "Makes an empty file, with its folder."
  @spec create(t(), term()) :: :ok | {:error, Exception.t()}
  def create(pattern, name) do
    with {:ok, path} <- path(pattern, name) do
      if pattern.rest != "", do: File.mkdir(Path.dirname(path))

      case File.open(path, [:write, :exclusive]) do
        {:ok, made} -> File.close(made)
        {:error, :eexist} -> {:error, Errors.new("usage", "the tenant #{inspect(name)} is there already: #{path}")}
        {:error, reason} -> {:error, Errors.new("usage", "the file #{path} cannot be made: #{:file.format_error(reason)}")}
      end
    end
  end

  @doc "Whether a file is there; a link is none, since SQLite keeps the log beside what it leads to."
  @spec file?(String.t()) :: boolean()
  def file?(path), do: match?({:ok, %{type: :regular}}, File.lstat(path))

  @doc "The error of a tenant that there is not."
  @spec unknown(term()) :: {:error, Exception.t()}
  def unknown(name),
    do: {:error, Errors.new("unknown_tenant", "there is no tenant #{inspect(name, limit: 5, printable_limit: @longest_shown)}")}

  defp path_of(pattern, name), do: pattern.folder <> pattern.before <> name <> pattern.after <> pattern.rest

  defp name?(pattern, name) do
    is_binary(name) and String.valid?(name) and not Regex.match?(@no_name, name) and
      not String.ends_with?(name <> pattern.after <> pattern.rest, @beside)
  end
end
