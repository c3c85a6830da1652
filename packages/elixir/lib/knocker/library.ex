defmodule Knocker.Library do
  @moduledoc """
  Where the loadable library is: a path that you name, `KNOCKER_EXTENSION`, or the one that this package carries in `priv/<target>/`.
  """

  alias Knocker.Errors

  @doc "The absolute path of the library that is used where no other is named."
  @spec path() :: {:ok, Path.t()} | {:error, Exception.t()}
  def path, do: path(nil)

  @doc false
  @spec path(Path.t() | nil) :: {:ok, Path.t()} | {:error, Exception.t()}
  def path(explicit) do
    named = System.get_env("KNOCKER_EXTENSION")

    cond do
      explicit -> existing(explicit, "the option extension:")
      named not in [nil, ""] -> existing(named, "KNOCKER_EXTENSION")
      true -> carried()
    end
  end

  defp existing(path, origin) do
    path = Path.expand(path)
    if File.regular?(path), do: {:ok, path}, else: {:error, Errors.new("library_not_found", "there is no file #{path} (#{origin})")}
  end

  defp carried do
    path = Path.join([:code.priv_dir(:knocker), target(), file()])
    if File.regular?(path), do: {:ok, path}, else: {:error, Errors.new("library_not_found", "this package carries no #{file()} for #{target()}")}
  end

  @doc "The platform, as the folders of `priv` are named after it: `x86_64-linux-gnu`, `aarch64-macos`."
  @spec target() :: String.t()
  def target do
    [processor | rest] = :system_architecture |> :erlang.system_info() |> List.to_string() |> String.split("-")

    case :os.type() do
      {:win32, _name} -> "x86_64-windows"
      {:unix, :darwin} -> "#{processor}-macos"
      {:unix, name} -> "#{processor}-#{name}-#{if List.last(rest) =~ "musl", do: "musl", else: "gnu"}"
    end
  end

  defp file do
    case :os.type() do
      {:win32, _name} -> "knocker.dll"
      {:unix, :darwin} -> "libknocker.dylib"
      {:unix, _name} -> "libknocker.so"
    end
  end

  @doc false
  # What follows a hyphen does not count.
  @spec older?(String.t(), String.t()) :: boolean()
  def older?(version, than), do: numbers(version) < numbers(than)

  defp numbers(version), do: version |> String.split("-") |> hd() |> String.split(".") |> Enum.map(&String.to_integer/1)
end
