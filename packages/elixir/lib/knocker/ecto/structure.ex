defmodule Knocker.Ecto.Structure do
  @moduledoc false
  # The application's own part of a file's schema, as SQL. What Knocker keeps in the file is made when the file is opened, and SQLite makes its tables itself.

  @own "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name NOT GLOB '_knocker_*' AND tbl_name NOT GLOB '_honker_*' AND tbl_name NOT GLOB 'knocker_*'"

  @spec sql(module(), String.t()) :: String.t()
  def sql(repo, migrations \\ "schema_migrations") do
    schema = rows(repo, "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND #{@own} ORDER BY rowid")
    there = rows(repo, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?1", [migrations])

    versions =
      if there == [],
        do: [],
        else:
          rows(
            repo,
            ~s(SELECT 'INSERT INTO "#{migrations}" VALUES (' || quote(version\) || ', ' || quote(inserted_at\) || '\);' FROM "#{migrations}" ORDER BY version)
          )

    Enum.map_join(schema ++ versions, fn [statement] -> statement <> "\n" end)
  end

  defp rows(repo, sql, parameters \\ []), do: repo.query!(sql, parameters, log: false).rows
end
