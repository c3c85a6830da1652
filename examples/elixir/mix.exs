defmodule Shop.MixProject do
  use Mix.Project

  def project do
    [
      app: :shop,
      version: "0.1.0",
      elixir: "~> 1.14",
      # From hex: {:knocker, "~> 0.1"}, {:exqlite, "~> 0.27"}, {:bandit, "~> 1.5"}, {:jason, "~> 1.4"}
      deps: [{:knocker, path: "../../packages/elixir"}]
    ]
  end

  def application, do: [mod: {Shop.Application, []}, extra_applications: [:logger]]
end
