# How the application has the native driver is known when this is compiled.
if Application.get_env(:knocker, :native) == :precompiled do
  defmodule Knocker.Driver.Native.Nif do
    @moduledoc false
    # A library that was built for the release, fetched when this is compiled and compared with the digest in the package.

    version = Mix.Project.config()[:version]
    :precompiled = Application.compile_env(:knocker, :native)

    use RustlerPrecompiled,
      otp_app: :knocker,
      crate: "knocker_native",
      version: version,
      base_url: "https://github.com/knocker/knocker/releases/download/v#{version}",
      nif_versions: ["2.16"],
      targets: ~w(
        aarch64-apple-darwin x86_64-apple-darwin
        aarch64-unknown-linux-gnu aarch64-unknown-linux-musl x86_64-unknown-linux-gnu x86_64-unknown-linux-musl
        x86_64-pc-windows-gnu x86_64-pc-windows-msvc
      )

    use Knocker.Driver.Native.Functions

    # It is loaded with the module.
    @spec load() :: {:error, String.t()}
    def load, do: {:error, "it did not load with its module"}
  end
else
  defmodule Knocker.Driver.Native.Nif do
    @moduledoc false
    # A library that cargo has built: Mix.Tasks.Compile.KnockerNative.

    use Knocker.Driver.Native.Functions

    _ = Application.compile_env(:knocker, :native)

    # At the first use, not with the module: most applications never ask for it, and the compiler loads the module before the library is built.
    @spec load() :: :ok | {:error, String.t()}
    def load do
      with priv when is_list(priv) <- :code.priv_dir(:knocker),
           :ok <- :erlang.load_nif(priv ++ ~c"/native/libknocker_native", 0) do
        :ok
      else
        # Another process was faster.
        {:error, {:reload, _}} -> :ok
        {:error, {_, text}} -> {:error, to_string(text)}
        {:error, :bad_name} -> {:error, "the application :knocker has no folder"}
      end
    end
  end
end
