defmodule Bench.Elsewhere do
  @moduledoc false
  # Measures in a process of its own, because the delay of a sync is preloaded into it. That process does all rounds: to start a virtual machine takes longer than
  # most of them.

  @slow_disk Path.expand("../../../extension/bench/slow-disk/run", __DIR__)
  @files for name <- ["requests.exs", "elsewhere.exs", "goals.exs", "receives.exs", "drains.exs"], do: Path.join(__DIR__, name)

  @doc "How many milliseconds a sync takes at least, where that can be had."
  def delays_ms, do: if(match?({:unix, :linux}, :os.type()), do: [0, 2, 5], else: [0])

  def disk(0), do: "the bare disk"
  def disk(delay_ms), do: "syncs of #{delay_ms} ms"

  @doc "The options that have another virtual machine find what this one has beside Erlang and Elixir: this package, and a driver."
  def paths do
    own = [to_string(:code.root_dir()), to_string(:code.lib_dir(:elixir)) |> Path.dirname()]

    for path <- :code.get_path(),
        path = to_string(path),
        Path.type(path) == :absolute and not Enum.any?(own, &String.starts_with?(path, &1)),
        argument <- ["-pa", path],
        do: argument
  end

  @doc "The figures that `module.run/1` prints in that process, a line for each round: it gets a folder that is its own, and those arguments."
  def measure(folder, delay_ms, module, arguments) do
    own = Path.join(folder, "#{System.unique_integer([:positive])}")
    File.mkdir_p!(own)

    script =
      "Application.ensure_all_started(:knocker); for file <- #{inspect(@files)}, do: Code.require_file(file); #{inspect(module)}.run(System.argv())"

    command = [System.find_executable("elixir") | paths()] ++ ["-e", script, own]
    [program | rest] = if delay_ms > 0, do: [@slow_disk, "#{delay_ms * 1_000}" | command], else: command
    {output, 0} = System.cmd(program, rest ++ Enum.map(arguments, &to_string/1))
    File.rm_rf!(own)
    for line <- String.split(output, "\n", trim: true), do: line |> String.split() |> Enum.map(&String.to_float/1)
  end
end
