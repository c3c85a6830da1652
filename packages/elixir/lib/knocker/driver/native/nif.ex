defmodule Knocker.Driver.Native.Nif do
  @moduledoc false
  # The functions of native/src/lib.rs. Calls that touch the file run on the dirty schedulers for input and output.

  # Loaded at the first use, not with the module: most applications never ask for it, and the compiler loads the module before the library is built.
  @spec load() :: :ok | {:error, String.t()}
  def load do
    with priv when is_list(priv) <- :code.priv_dir(:knocker),
         :ok <- :erlang.load_nif(priv ++ '/native/libknocker_native', 0) do
      :ok
    else
      # Another process was faster.
      {:error, {:reload, _}} -> :ok
      {:error, {_, text}} -> {:error, to_string(text)}
      {:error, :bad_name} -> {:error, "the application :knocker has no folder"}
    end
  end

  # False until the library's own function of that name stands here.
  def loaded, do: false

  def open(_path, _create), do: :erlang.nif_error(:not_loaded)
  def close(_db), do: :erlang.nif_error(:not_loaded)
  def execute(_db, _sql, _parameters), do: :erlang.nif_error(:not_loaded)
  def in_transaction(_db), do: :erlang.nif_error(:not_loaded)
  def load_extension(_db, _path, _entry), do: :erlang.nif_error(:not_loaded)
  def interrupt(_db), do: :erlang.nif_error(:not_loaded)
  def watch(_path, _pid), do: :erlang.nif_error(:not_loaded)
  def arm(_watch), do: :erlang.nif_error(:not_loaded)
end
