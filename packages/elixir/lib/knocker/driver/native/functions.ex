defmodule Knocker.Driver.Native.Functions do
  @moduledoc false
  # The functions of native/src/lib.rs, until the library's own stand in their place. Calls that touch the file run on the dirty schedulers for input and
  # output.

  defmacro __using__(_options) do
    quote do
      # False until then.
      def loaded, do: false

      def open(_path, _create), do: :erlang.nif_error(:not_loaded)
      def close(_db), do: :erlang.nif_error(:not_loaded)
      def execute(_db, _sql, _parameters), do: :erlang.nif_error(:not_loaded)
      def execute_each(_db, _statements), do: :erlang.nif_error(:not_loaded)
      def in_transaction(_db), do: :erlang.nif_error(:not_loaded)
      def load_extension(_db, _path, _entry), do: :erlang.nif_error(:not_loaded)
      def interrupt(_db), do: :erlang.nif_error(:not_loaded)
      def watch(_path, _pid), do: :erlang.nif_error(:not_loaded)
      def arm(_watch), do: :erlang.nif_error(:not_loaded)
    end
  end
end
