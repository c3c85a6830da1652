defmodule Knocker.ReadmeTest do
  use ExUnit.Case, async: true

  @root Path.expand("../../../..", __DIR__)
  @readme File.read!(Path.join(@root, "packages/elixir/README.md"))

  test "every block is cut from an example that runs" do
    blocks = Regex.scan(~r/^(?:<!-- from (\S+) -->\n)?```elixir\n(.*?)^```$/ms, @readme, capture: :all_but_first)
    assert length(blocks) > 5

    for [file, code] <- blocks do
      assert file != "", "says no example: #{code}"
      assert String.contains?(File.read!(Path.join(@root, file)), code), "not in #{file}: #{code}"
    end
  end

  test "links lead somewhere" do
    for [_all, link] <- Regex.scan(~r/\]\(([^)#]+)[^)]*\)/, @readme), not String.starts_with?(link, "http") do
      assert File.exists?(Path.expand(link, Path.join(@root, "packages/elixir"))), link
    end
  end

  test "the functions that it names are there" do
    for [_all, module, name, arity] <- Regex.scan(~r/`(Knocker[A-Za-z.]*)\.([a-z_!?]+)\/(\d)`/, @readme) do
      module = Module.concat([module])

      assert Code.ensure_loaded?(module) and function_exported?(module, String.to_atom(name), String.to_integer(arity)),
             "#{inspect(module)}.#{name}/#{arity}"
    end
  end
end
