defmodule Knocker.FileIdentity do
  @moduledoc false
  # Which file a path leads to, and whether it still does. A file that is removed, or replaced by a backup, stays open: what is committed to it is
  # nowhere that anybody would look.

  require Record
  Record.defrecordp(:file_info, Record.extract(:file_info, from_lib: "kernel/include/file.hrl"))

  @typedoc "Device and inode."
  @type t :: {integer(), integer()}

  # How long a file in the place of another one must stay as it is before it is opened: it may be a copy that is not complete yet.
  @at_rest_ms 100

  @doc "What is at the path now, or nil."
  @spec of(Path.t()) :: t() | nil
  def of(path) do
    case :file.read_file_info(path, [:raw, {:time, :posix}]) do
      {:ok, file_info(major_device: device, inode: inode)} -> {device, inode}
      {:error, _reason} -> nil
    end
  end

  @doc "Identity, size and times of what is at the path now, or nil."
  @spec seen(Path.t()) :: {t(), non_neg_integer(), integer(), integer()} | nil
  def seen(path) do
    case :file.read_file_info(path, [:raw, {:time, :posix}]) do
      {:ok, file_info(major_device: device, inode: inode, size: size, mtime: written, ctime: changed)} -> {{device, inode}, size, written, changed}
      {:error, _reason} -> nil
    end
  end

  @doc "The write-ahead log, which SQLite keeps beside the file that a link leads to."
  @spec log_of(Path.t()) :: Path.t()
  def log_of(path), do: resolve(path, 40) <> "-wal"

  defp resolve(path, 0), do: path

  defp resolve(path, left) do
    case File.read_link(path) do
      {:ok, target} -> target |> Path.expand(Path.dirname(path)) |> resolve(left - 1)
      {:error, _reason} -> path
    end
  end

  @doc """
  Why what is at the path cannot be opened in the place of the former file yet, with what was seen for the next look; `:ready` where it can. None is
  made there: a backup may be on its way.
  """
  @spec why_not_yet(Path.t(), term()) :: :ready | {String.t(), term()}
  def why_not_yet(path, before) do
    case seen(path) do
      nil -> {"there is none now", nil}
      {_identity, 0, _written, _changed} -> {"the new one is empty", nil}
      found -> at_rest(found, before)
    end
  end

  defp at_rest({_identity, _size, _written, changed} = found, before) do
    # Put there long before anybody looked: where receipts are rare, waiting for a second look would cost one. Its time has whole seconds.
    long_ago = System.os_time(:second) > changed + 1

    case before do
      {^found, since} -> if now_ms() >= since + @at_rest_ms, do: :ready, else: {"the new one is not at rest yet", before}
      _other when long_ago -> :ready
      _other -> {"the new one is not at rest yet", {found, now_ms()}}
    end
  end

  @doc """
  Renames the log of the former file where it still lies at the path: SQLite would replay it into the new one. Gives its new name. To be called before
  the new file is opened. Where the former file itself is back, the log is its own.
  """
  @spec set_leftovers_aside(Path.t(), t() | nil, t() | nil) :: Path.t() | nil
  def set_leftovers_aside(path, former, former_log) do
    log = log_of(path)

    if former && former_log && of(path) != former && of(log) == former_log do
      aside = "#{log}.of-replaced-file-#{elem(former, 1)}"

      if File.rename(log, aside) == :ok do
        File.rename(String.replace_suffix(log, "-wal", "-shm"), String.replace(aside, "-wal.", "-shm."))
        aside
      end
    end
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
