# Prints the public modules and functions of the Elixir package as Markdown, from the documentation that the compiler puts into them, as `h` in iex shows it and
# ex_doc does. Run it by `mix run --no-start`.
defmodule Pages do
  @order ~w(Records Settings Filters)

  def all do
    Application.load(:knocker)
    {:ok, modules} = :application.get_key(:knocker, :modules)
    # Those of the tests' own folder are in no package.
    modules
    |> Enum.filter(&(source(&1) =~ ~r{/lib/} and &1 != Knocker.Contract))
    |> Enum.sort_by(&order/1)
    |> Enum.split_with(&error?/1)
    |> then(fn {errors, rest} -> Enum.flat_map(rest, &page/1) ++ table(errors) end)
    |> Enum.reject(&(&1 in [nil, ""]))
    |> Enum.join("\n\n")
  end

  # Errors differ in their names and what they say alone.
  defp error?(module), do: inspect(module) =~ ~r/Error$/

  defp table(errors) do
    rows =
      for module <- errors,
          {:docs_v1, _, _, _, %{"en" => doc}, _, _} <- [Code.fetch_docs(module)],
          # Their codes are on the page of errors.
          do: "| `#{inspect(module)}` | #{doc |> String.trim() |> String.replace(~r/\s+/, " ") |> String.replace(~r/ Its code is .*/, "")} |"

    ["## Errors", Enum.join(["| error | meaning |", "|---|---|" | rows], "\n")]
  end

  defp source(module), do: to_string(module.module_info(:compile)[:source])

  defp order(module) do
    name = inspect(module)
    {Enum.find_index(@order, &String.contains?(name, &1)) || -1, name}
  end

  defp page(module) do
    case Code.fetch_docs(module) do
      {:docs_v1, _, _, _, %{"en" => doc}, _, docs} ->
        ["## #{inspect(module)}", inner(doc, "###"), if(not (doc =~ ~r/^\* /m), do: shape(module)) | entries(module, docs)]

      _ ->
        []
    end
  end

  defp entries(module, docs) do
    specs = specs(module)

    for {{kind, name, arity}, _line, signature, doc, _meta} <- Enum.sort_by(docs, &place/1),
        kind in [:type, :callback, :function, :macro],
        is_map(doc),
        name != :keys,
        {kind, name, arity} != {:type, :t, 0} or not function_exported?(module, :__struct__, 0) do
      shown = specs[{kind, name, arity}] || Enum.join(signature, "\n")
      ["### #{inspect(module)}.#{name}/#{arity}", "```elixir\n#{shown}\n```", inner(doc["en"])]
    end
    |> List.flatten()
  end

  defp shape(module) do
    with true <- function_exported?(module, :__struct__, 0),
         type when type != nil <- specs(module)[{:type, :t, 0}],
         do: "```elixir\n#{type}\n```",
         else: (_ -> nil)
  end

  defp place({{kind, name, arity}, _, _, _, _}),
    do: {Enum.find_index([:type, :callback, :function, :macro], &(&1 == kind)) || 9, name, arity}

  # What stands in the code: `@type`, `@callback` or `@spec`.
  defp specs(module) do
    types = with {:ok, types} <- Code.Typespec.fetch_types(module), do: types, else: (_ -> [])
    calls = with {:ok, specs} <- Code.Typespec.fetch_specs(module), do: specs, else: (_ -> [])

    callbacks = with {:ok, specs} <- Code.Typespec.fetch_callbacks(module), do: specs, else: (_ -> [])

    Map.new(
      Enum.map(types, fn {_, {name, _, variables} = type} ->
        {{:type, name, length(variables)}, "@type " <> text(Code.Typespec.type_to_quoted(type))}
      end) ++
        Enum.map(callbacks, fn {{name, arity}, list} ->
          {{:callback, name, arity}, lines("@callback ", name, list)}
        end) ++
        Enum.map(calls, fn {{name, arity}, list} ->
          {{:function, name, arity}, lines("@spec ", name, list)}
        end)
    )
  end

  defp lines(mark, name, list),
    do: Enum.map_join(list, "\n", &(mark <> text(Code.Typespec.spec_to_quoted(name, &1))))

  defp text(quoted),
    do:
      quoted
      |> Macro.to_string()
      |> Code.format_string!(line_length: 100)
      |> IO.iodata_to_binary()

  # Headings below that of the module or the function.
  defp inner(doc, below \\ "####"), do: doc |> String.replace(~r/^##(#*) /m, "#{below}\\1 ") |> blocks()

  # Indented blocks with fences.
  defp blocks(doc) do
    {lines, code} =
      doc
      |> String.split("\n")
      |> Enum.reduce({[], false}, fn line, {out, code} ->
        cond do
          String.starts_with?(line, "    ") and (code or List.first(out) in ["", nil]) ->
            {[
               String.replace_prefix(line, "    ", "")
               | if(code, do: out, else: ["```elixir" | out])
             ], true}

          code and String.trim(line) == "" ->
            {["" | out], true}

          code ->
            {[line, "", "```" | Enum.drop_while(out, &(&1 == ""))], false}

          true ->
            {[line | out], false}
        end
      end)

    lines = if code, do: ["```" | Enum.drop_while(lines, &(&1 == ""))], else: lines
    lines |> Enum.reverse() |> Enum.join("\n") |> String.trim()
  end
end

IO.puts(Pages.all())
