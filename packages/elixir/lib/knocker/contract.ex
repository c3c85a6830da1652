# Generated from extension/contract/contract.json by `make contract`; do not edit.

defmodule Knocker.Contract do
  @moduledoc "What the library and the package agree on."

  @doc "The version that this package was made with: the library must not be older."
  @spec version() :: String.t()
  def version, do: "0.1.0"

  @doc "The library's function that SQLite calls."
  @spec entry_point() :: String.t()
  def entry_point, do: "sqlite3_knocker_init"

  @doc "The library's file name, by the system as `:os.type/0` names it."
  @spec library_file({atom(), atom()}) :: String.t()
  def library_file({:win32, _name}), do: "knocker.dll"
  def library_file({:unix, :darwin}), do: "libknocker.dylib"
  def library_file(_other), do: "libknocker.so"
end
