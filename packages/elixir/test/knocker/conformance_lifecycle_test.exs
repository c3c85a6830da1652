defmodule Knocker.ConformanceLifecycleTest do
  use ExUnit.Case, async: true

  import Knocker.ConformanceData

  alias Knocker.{Scenario, Testing}

  @files files("lifecycle")

  setup_all do
    ran = :counters.new(1, [])
    on_exit(fn -> write_count("lifecycle", :counters.get(ran, 1)) end)
    %{ran: ran}
  end

  # On a file of its own each.
  for {file, content} <- @files, scenario <- content["scenarios"] do
    @scenario scenario
    @values content["values"] || %{}
    @tag capture_log: true
    test "#{file}: #{scenario["name"]}", context do
      strictly(@scenario, ~w(name steps))
      %{hooks: hooks, knocker_clock: clock, knocker_file: file} = Testing.setup(context, [])
      Enum.reduce(@scenario["steps"], %{hooks: hooks, clock: clock, saved: @values, folder: Path.dirname(file)}, &Scenario.step(&2, &1))
      :counters.add(context.ran, 1, 1)
    end
  end
end
