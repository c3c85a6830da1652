# Generated from extension/contract/contract.json by `make contract`; do not edit.

defmodule Knocker.Contract do
  @moduledoc "What the library and the package agree on."

  @doc "The version that this package was made with: the library must not be older."
  @spec version() :: String.t()
  def version, do: "0.1.0"

  @doc "The library's function that SQLite calls."
  @spec entry_point() :: String.t()
  def entry_point, do: "sqlite3_knocker_init"

  @doc "The oldest SQLite that the library works with."
  @spec oldest_sqlite() :: String.t()
  def oldest_sqlite, do: "3.38.0"

  @doc "The library's file name, by the system as `:os.type/0` names it."
  @spec library_file({atom(), atom()}) :: String.t()
  def library_file({:win32, _name}), do: "knocker.dll"
  def library_file({:unix, :darwin}), do: "libknocker.dylib"
  def library_file(_other), do: "libknocker.so"

  @doc "What a response says of a format of metrics."
  @spec metrics_type(:prometheus | :openmetrics) :: String.t()
  def metrics_type(:prometheus), do: "text/plain; version=0.0.4; charset=utf-8"
  def metrics_type(:openmetrics), do: "application/openmetrics-text; version=1.0.0; charset=utf-8"

  @doc "The bounds between which it is counted how long receipts took, in microseconds."
  @spec receive_bounds_us() :: [pos_integer()]
  def receive_bounds_us, do: [500, 1000, 2500, 5000, 10000, 25000, 50000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000]
end
