defmodule Knocker.MixProject do
  use Mix.Project

  @version "0.1.0"

  def project do
    [
      app: :knocker,
      version: @version,
      elixir: "~> 1.14",
      elixirc_paths: if(Mix.env() == :test, do: ["lib", "test/support"], else: ["lib"]),
      start_permanent: Mix.env() == :prod,
      # Builds the native driver where the configuration says so.
      compilers: Mix.compilers() ++ [:knocker_native],
      deps: [],
      # What is used where an application has it, and never needed.
      xref: [exclude: [Exqlite.Sqlite3, Exqlite.Sqlite3NIF, JSON, Jason, :telemetry, Plug.Conn]]
    ]
  end

  def application, do: [mod: {Knocker.Application, []}, extra_applications: [:logger, :crypto]]
end
