defmodule Shop.MixProject do
  use Mix.Project

  # In a checkout Knocker stands beside it, and needs nothing from hex.
  @checkout "../../packages/elixir"

  def project do
    [
      app: :shop,
      version: "0.1.0",
      elixir: "~> 1.14",
      deps: if(File.dir?(@checkout), do: [{:knocker, path: @checkout}], else: from_hex())
    ]
  end

  def application, do: [mod: {Shop.Application, []}, extra_applications: [:logger]]

  defp from_hex,
    do: [knocker(System.get_env("KNOCKER_PATH")), {:exqlite, "~> 0.27"}, {:bandit, "~> 1.5"}, {:jason, "~> 1.4"}]

  defp knocker(nil), do: {:knocker, "~> 0.1"}
  # A package that was unpacked by hand.
  defp knocker(folder), do: {:knocker, path: folder}
end
