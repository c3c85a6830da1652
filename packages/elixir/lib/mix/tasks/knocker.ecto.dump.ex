defmodule Mix.Tasks.Knocker.Ecto.Dump do
  @shortdoc "Dumps the application's own tables"
  @moduledoc """
  Writes the structure of a repository's file for `mix ecto.load`, in place of `mix ecto.dump`.

      mix knocker.ecto.dump
      mix knocker.ecto.dump -r MyApp.Repo -d priv/repo/structure.sql

  Without Knocker's tables and views, which are made when the file is opened, and without `sqlite_sequence`, which `mix ecto.dump` writes and
  `mix ecto.load` then stumbles over.
  """
  use Mix.Task

  @impl true
  def run(arguments) do
    {given, _rest} = OptionParser.parse!(arguments, strict: [repo: [:string, :keep], dump_path: :string], aliases: [r: :repo, d: :dump_path])
    Mix.Task.run("app.config")

    for repo <- repos(Keyword.get_values(given, :repo)) do
      config = repo.config()
      path = given[:dump_path] || config[:dump_path] || Path.join([priv(repo, config), "structure.sql"])

      {:ok, sql, _started} =
        Ecto.Migrator.with_repo(repo, &Knocker.Ecto.Structure.sql(&1, config[:migration_source] || "schema_migrations"), pool_size: 1)

      File.mkdir_p!(Path.dirname(path))
      File.write!(path, sql)
      Mix.shell().info("The structure of #{inspect(repo)} is in #{path}")
    end
  end

  defp repos([]), do: Application.get_env(Mix.Project.config()[:app], :ecto_repos, [])
  defp repos(names), do: Enum.map(names, &Module.concat([&1]))

  # As Ecto has it.
  defp priv(repo, config), do: config[:priv] || "priv/#{repo |> Module.split() |> List.last() |> Macro.underscore()}"
end
