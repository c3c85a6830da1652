defmodule Knocker.Library do
  @moduledoc """
  Where the loadable library is: a path that you name, `KNOCKER_EXTENSION`, or the one that this package carries in `priv`.
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

  @doc "The platform, as the folders of `priv` are named after it: `linux-x64-gnu`, `darwin-arm64`."
  @spec target() :: String.t()
  def target, do: target(:os.type(), List.to_string(:erlang.system_info(:system_architecture)), System.get_env("PROCESSOR_ARCHITECTURE", ""))

  @doc false
  # A name of release/platforms.json. Erlang says no processor on Windows, and the system does.
  @spec target({atom(), atom()}, String.t(), String.t()) :: String.t()
  def target({:win32, _name}, _architecture, processor), do: "win32-" <> cpu(processor)
  def target({:unix, :darwin}, architecture, _processor), do: "darwin-" <> cpu(architecture)
  def target({:unix, name}, architecture, _processor), do: "#{name}-#{cpu(architecture)}-#{if architecture =~ "musl", do: "musl", else: "gnu"}"

  defp cpu(architecture) do
    cond do
      architecture =~ ~r/^(x86_64|amd64)/i -> "x64"
      architecture =~ ~r/^(aarch64|arm64)/i -> "arm64"
      true -> architecture |> String.split("-") |> hd()
    end
  end

  defp file, do: Knocker.Contract.library_file(:os.type())

  @doc false
  # What follows a hyphen does not count.
  @spec older?(String.t(), String.t()) :: boolean()
  def older?(version, than), do: numbers(version) < numbers(than)

  defp numbers(version), do: version |> String.split("-") |> hd() |> String.split(".") |> Enum.map(&String.to_integer/1)
end
