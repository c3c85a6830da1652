defmodule Knocker.ReadmeTest do
  use ExUnit.Case, async: true

  @root Path.expand("../../../..", __DIR__)
  @pages for page <- ["packages/elixir/README.md", "docs/src/content/docs/reference/elixir-in-depth.md"],
             do: {page, File.read!(Path.join(@root, page))}
  @text Enum.map_join(@pages, "\n", &elem(&1, 1))

  test "every block is cut from an example that runs" do
    blocks = Regex.scan(~r/^(?:<!-- from (\S+) -->\n)?```elixir\n(.*?)^```$/ms, @text, capture: :all_but_first)
    assert length(blocks) > 5

    for [file, code] <- blocks do
      assert file != "", "says no example: #{code}"
      assert String.contains?(File.read!(Path.join(@root, file)), code), "not in #{file}: #{code}"
    end
  end

  test "links lead somewhere" do
    for {page, text} <- @pages,
        [_all, link] <- Regex.scan(~r/\]\(([^)#]+)[^)]*\)/, text),
        not String.starts_with?(link, "http") do
      assert File.exists?(Path.expand(link, Path.join(@root, Path.dirname(page)))), "#{page}: #{link}"
    end
  end

  test "the functions that it names are there" do
    for [_all, module, name, arity] <- Regex.scan(~r/`(Knocker[A-Za-z.]*)\.([a-z_!?]+)\/(\d)`/, @text) do
      module = Module.concat([module])

      assert Code.ensure_loaded?(module) and function_exported?(module, String.to_atom(name), String.to_integer(arity)),
             "#{inspect(module)}.#{name}/#{arity}"
    end
  end
end
