defmodule Knocker.MixProject do
  use Mix.Project

  @version "0.1.0"
  @source "https://github.com/knocker/knocker"

  def project do
    [
      app: :knocker,
      version: @version,
      elixir: "~> 1.14",
      elixirc_paths: if(Mix.env() == :test, do: ["lib", "test/support"], else: ["lib"]),
      start_permanent: Mix.env() == :prod,
      description:
        "Durable webhooks for applications on SQLite: verified, stored, deduped, and handled later, in one transaction with what a handler writes.",
      package: package(),
      source_url: @source,
      # Builds the native driver where the configuration says so.
      compilers: Mix.compilers() ++ [:knocker_native],
      deps: deps(System.get_env("KNOCKER_DEPS")),
      docs: docs(),
      # What is used where an application has it, and never needed.
      xref: [
        exclude: [
          Exqlite.Sqlite3,
          Exqlite.Sqlite3NIF,
          JSON,
          Jason,
          :telemetry,
          :opentelemetry,
          :otel_ctx,
          :otel_propagator_text_map,
          :otel_span,
          :otel_tracer,
          Plug.Conn,
          Ecto.Migrator
        ]
      ]
    ]
  end

  def application, do: [mod: {Knocker.Application, []}, extra_applications: [:logger, :crypto] ++ if(Mix.env() == :test, do: [:inets], else: [])]

  # What build-hex puts into the package, beside the libraries in priv.
  defp package do
    [
      licenses: ["MIT", "Apache-2.0"],
      links: %{
        "GitHub" => @source,
        "Documentation" => "#{@source}/tree/main/docs",
        "Changelog" => "#{@source}/blob/main/CHANGELOG.md"
      },
      files:
        ~w(lib native/src native/build.rs native/Cargo.toml native/Cargo.lock checksum-*.exs mix.exs .formatter.exs README*.md LICENSE-MIT LICENSE-APACHE)
    ]
  end

  # Knocker needs none of them. In the published package hex takes those that an application has; in a checkout they are taken where KNOCKER_DEPS says from where:
  # `hex`, or a folder that has each of them in a folder of its name. The suites that are about them run then, on exqlite. `optional` is for build-hex.
  defp deps(nil), do: if(File.exists?("hex_metadata.config") and Code.ensure_loaded?(Hex), do: optional(), else: [])

  defp deps("optional"), do: optional()

  defp deps("hex"),
    do: Enum.map(optional(), fn {name, requirement, _} -> {name, requirement} end) ++ [{:ecto_sqlite3, ">= 0.17.0"}, {:bandit, "~> 1.12"}]

  defp deps(folder) do
    for name <- folder |> File.ls!() |> Enum.sort(), File.exists?(Path.join([folder, name, "mix.exs"])) do
      {String.to_atom(name), path: Path.join(folder, name), override: true}
    end
  end

  defp optional do
    [
      {:exqlite, ">= 0.26.0", optional: true},
      {:jason, "~> 1.2", optional: true},
      {:plug, "~> 1.14", optional: true},
      {:rustler_precompiled, "~> 0.8", optional: true},
      {:telemetry, "~> 1.0", optional: true}
    ]
  end

  # For ex_doc: a page for each concept, in the order in which one meets them.
  defp docs do
    [
      main: "readme",
      extras: ["README.md"],
      groups_for_modules: [
        "Receiving and handling": [
          Knocker,
          Knocker.Endpoint,
          Knocker.WebhookRequest,
          Knocker.Handler,
          Knocker.Event,
          Knocker.EventDelivery,
          Knocker.Transaction,
          Knocker.Worker,
          Knocker.Tenants,
          Knocker.Tenants.Worker
        ],
        "HTTP and databases": [Knocker.Plug, Knocker.Plug.BodyReader, Knocker.HTTP, Knocker.Ecto, ~r/^Knocker\.Driver/, Knocker.Library],
        Testing: ~r/^Knocker\.Testing/,
        "A worker of one's own": [Knocker.Leases, Knocker.Job, Knocker.Failure],
        "Settings and filters": ~r/(Settings|Fields|Filter|Options)$/,
        Errors: ~r/Errors?$/,
        "What comes back": ~r/^Knocker\.[A-Z]\w+$/
      ]
    ]
  end
end
