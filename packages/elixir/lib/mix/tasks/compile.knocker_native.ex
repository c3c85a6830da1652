defmodule Mix.Tasks.Compile.KnockerNative do
  @shortdoc "Builds the native driver with cargo"
  @moduledoc """
  Builds `Knocker.Driver.Native` with cargo into `priv/native`, where `config :knocker, native: :build` asks for it.
  Cargo decides what is stale.
  """
  use Mix.Task.Compiler

  @impl true
  def run(_arguments) do
    if Application.get_env(:knocker, :native) == :build, do: build(), else: {:noop, []}
  end

  defp build do
    target = System.get_env("CARGO_TARGET_DIR", Path.expand("native/target"))

    cargo =
      System.find_executable("cargo") ||
        Mix.raise("cargo is not in the PATH: install Rust (https://rustup.rs), take `config :knocker, native: :precompiled`, or use exqlite")

    arguments = ["build", "--release", "--locked", "--quiet", "--manifest-path", "native/Cargo.toml", "--target-dir", target]

    case System.cmd(cargo, arguments, stderr_to_stdout: true, into: IO.stream()) do
      {_, 0} -> place(Path.join([target, "release", built()]))
      {_, status} -> Mix.raise("cargo ended with #{status}; what it says above tells why")
    end
  end

  # By renaming: a virtual machine that has the old file mapped keeps it.
  defp place(built) do
    placed = Path.join([Mix.Project.app_path(), "priv", "native", "libknocker_native" <> suffix()])

    if same?(built, placed) do
      {:noop, []}
    else
      File.mkdir_p!(Path.dirname(placed))
      File.cp!(built, placed <> ".new")
      File.rename!(placed <> ".new", placed)
      {:ok, []}
    end
  end

  defp same?(one, other), do: File.exists?(other) and File.read!(one) == File.read!(other)

  defp built do
    case :os.type() do
      {:win32, _} -> "knocker_native.dll"
      {_, :darwin} -> "libknocker_native.dylib"
      _ -> "libknocker_native.so"
    end
  end

  # What Erlang appends when it loads.
  defp suffix, do: if(match?({:win32, _}, :os.type()), do: ".dll", else: ".so")
end
