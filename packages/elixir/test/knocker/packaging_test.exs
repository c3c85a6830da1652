defmodule Knocker.PackagingTest do
  # The package as a user gets it, in an empty project.
  use ExUnit.Case, async: true

  @moduletag :tmp_dir
  @moduletag timeout: 600_000

  @package Path.expand("../..", __DIR__)
  @root Path.expand("../..", @package)
  @platforms Knocker.JSON.decode!(File.read!(Path.join(@root, "release/platforms.json")))

  @mix """
  defmodule Shop.MixProject do
    use Mix.Project
    def project, do: [app: :shop, version: "1.0.0", deps: [{:knocker, path: "deps/knocker"}]]
    def application, do: [extra_applications: [:logger]]
  end
  """

  @story ~S"""
  root = System.fetch_env!("CHECKOUT")
  if System.get_env("HIDDEN") && File.exists?(Path.join(root, "packages")), do: raise("the checkout is in reach")
  {:ok, library} = Knocker.Library.path()
  for path <- [library, to_string(:code.which(Knocker))], String.starts_with?(path, root), do: raise("not of the package: #{path}")

  handler = fn event, tx ->
    Knocker.execute!(tx, "CREATE TABLE orders (id TEXT)")
    Knocker.execute(tx, "INSERT INTO orders VALUES (?)", [event.key])
  end

  {:ok, _pid} = Knocker.start_link(name: Shop, database: "app.db", endpoints: [stripe: [provider: "stripe", secrets: ["whsec_test"], handler: handler]])
  endpoint = Knocker.endpoint(Shop, :stripe)
  request = %Knocker.WebhookRequest{url: "https://shop.example/stripe", body: ~s({"id": "evt_1", "type": "checkout.session.completed"})}
  {:ok, signed} = Knocker.sign(endpoint, request, "whsec_test")
  {:ok, %{outcome: outcome}} = Knocker.receive(endpoint, signed)
  {:ok, attempts} = Knocker.drain(Shop)
  IO.puts("story: #{outcome}, #{inspect(Enum.map(attempts, & &1.status))} with #{Path.relative_to_cwd(Path.expand(library))}")
  """

  test "the folders of the libraries are those of release/platforms.json" do
    names = Enum.map(@platforms, & &1["name"])

    for {system, architecture, processor, name} <- [
          {{:unix, :linux}, "x86_64-pc-linux-gnu", "", "linux-x64-gnu"},
          {{:unix, :linux}, "aarch64-unknown-linux-gnu", "", "linux-arm64-gnu"},
          {{:unix, :linux}, "x86_64-alpine-linux-musl", "", "linux-x64-musl"},
          {{:unix, :linux}, "aarch64-alpine-linux-musl", "", "linux-arm64-musl"},
          {{:unix, :darwin}, "x86_64-apple-darwin23.1.0", "", "darwin-x64"},
          {{:unix, :darwin}, "aarch64-apple-darwin23.1.0", "", "darwin-arm64"},
          {{:win32, :nt}, "win32", "AMD64", "win32-x64"},
          {{:win32, :nt}, "win32", "ARM64", "win32-arm64"}
        ] do
      assert Knocker.Library.target(system, architecture, processor) == name
      assert name in names
      assert Enum.find(@platforms, &(&1["name"] == name))["file"] == Knocker.Contract.library_file(system)
    end
  end

  test "the package is what hex reads, and the same files give the same bytes", %{tmp_dir: folder} do
    path = build!(folder)
    assert File.read!(path) == File.read!(build!(Path.join(folder, "again")))
    files = unpacked!(path)
    assert files["VERSION"] == "3"
    assert files["CHECKSUM"] == :sha256 |> :crypto.hash([files["VERSION"], files["metadata.config"], files["contents.tar.gz"]]) |> Base.encode16()
    {:ok, contents} = :erl_tar.extract({:binary, files["contents.tar.gz"]}, [:memory, :compressed])
    names = contents |> Enum.map(fn {name, _content} -> to_string(name) end) |> Enum.sort()
    assert "priv/#{Knocker.Library.target()}/#{Knocker.Contract.library_file(:os.type())}" in names
    for name <- ~w(mix.exs README.md LICENSE-MIT LICENSE-APACHE native/Cargo.lock lib/knocker.ex), do: assert(name in names)
    refute Enum.any?(names, &(&1 =~ ~r/^(test|bench|config|_build|tmp)|target/))
    metadata = Path.join(folder, "metadata.config")
    File.write!(metadata, files["metadata.config"])
    {:ok, terms} = :file.consult(metadata)
    assert {"name", "knocker"} in terms
    assert {"version", Mix.Project.config()[:version]} in terms
    assert terms |> List.keyfind("files", 0) |> elem(1) |> Enum.sort() == names
    assert terms |> List.keyfind("requirements", 0) |> elem(1) |> Enum.all?(&({"optional", true} in &1))
  end

  # Mix compiles a dependency no second time where the application adds another one.
  test "what is for another package is compiled without it, for applications that add it later" do
    for module <- [Knocker.Plug, Knocker.Plug.BodyReader, Knocker.Ecto, Knocker.Driver.Exqlite], do: assert(Code.ensure_loaded?(module))
  end

  test "a library of no platform is refused", %{tmp_dir: folder} do
    assert {output, status} =
             System.cmd(Path.join(@package, "build-hex"), [folder, "vax=#{System.fetch_env!("KNOCKER_EXTENSION")}"], stderr_to_stdout: true)

    assert status != 0
    assert output =~ "vax"
  end

  if not Code.ensure_loaded?(Exqlite.Sqlite3) do
    @tag :installed
    test "an empty project receives and handles an event with it, the checkout out of reach", %{tmp_dir: folder} do
      # Not below the checkout.
      shop = Path.join(System.tmp_dir!(), "knocker-shop-#{System.pid()}-#{System.unique_integer([:positive])}")
      on_exit(fn -> File.rm_rf!(shop) end)
      knocker = Path.join(shop, "deps/knocker")
      File.mkdir_p!(knocker)
      files = unpacked!(released() || build!(folder))
      :ok = :erl_tar.extract({:binary, files["contents.tar.gz"]}, [:compressed, cwd: to_charlist(knocker)])
      # As hex leaves it.
      File.write!(Path.join(knocker, "hex_metadata.config"), files["metadata.config"])
      File.mkdir_p!(Path.join(shop, "config"))
      File.write!(Path.join(shop, "mix.exs"), @mix)
      File.write!(Path.join(shop, "config/config.exs"), "import Config\nconfig :knocker, native: :build\nconfig :logger, level: :warning\n")
      File.write!(Path.join(shop, "story.exs"), @story)

      environment = [{"KNOCKER_EXTENSION", nil}, {"MIX_ENV", "prod"}, {"MIX_BUILD_PATH", nil}, {"CHECKOUT", @root}, {"HOME", shop}]
      # The driver is built where the checkout has its own, so that SQLite is not compiled once more, and by the same Rust.
      home = System.user_home!()
      [_all, toolchain] = Regex.run(~r/channel = "(.+)"/, File.read!(Path.join(@root, "rust-toolchain.toml")))
      defaults = [{"CARGO_HOME", Path.join(home, ".cargo")}, {"RUSTUP_HOME", Path.join(home, ".rustup")}, {"RUSTUP_TOOLCHAIN", toolchain}]
      cargo = for {name, default} <- defaults, do: {name, System.get_env(name, default)}
      {output, status} = System.cmd("mix", ["compile"], cd: shop, env: environment ++ cargo, stderr_to_stdout: true)
      assert status == 0, output

      {output, status} = run_apart(["mix", "run", "--no-compile", "story.exs"], shop, environment)
      assert status == 0, output
      assert output =~ "story: accepted, [:handled] with _build/prod/lib/knocker/priv/#{Knocker.Library.target()}/"
    end
  end

  # A process with a file system of its own: as root, and as anybody where the kernel lets them.
  defp run_apart(command, folder, environment) do
    hide = ~s(mount -t tmpfs none "$CHECKOUT" && exec "$@")
    ways = for namespace <- [~w(unshare --mount), ~w(unshare --map-root-user --mount)], do: namespace ++ ["sh", "-c", hide, "sh"]
    hidden = Enum.find(ways, [], fn [program | arguments] -> possible?(program, arguments ++ ["true"]) end)
    environment = if hidden == [], do: environment, else: [{"HIDDEN", "yes"} | environment]
    [program | arguments] = hidden ++ command
    System.cmd(program, arguments, cd: folder, env: environment, stderr_to_stdout: true)
  end

  defp possible?(program, arguments) do
    match?({_output, 0}, System.cmd(program, arguments, env: [{"CHECKOUT", @root}], stderr_to_stdout: true))
  rescue
    # There is no such program.
    _error in ErlangError -> false
  end

  # That of a release is in the folder that KNOCKER_TEST_ARTIFACTS names.
  defp released do
    with folder when folder != nil <- System.get_env("KNOCKER_TEST_ARTIFACTS"), do: hd(Path.wildcard(Path.join(folder, "hex/*.tar")))
  end

  defp build!(folder) do
    argument = "#{Knocker.Library.target()}=#{System.fetch_env!("KNOCKER_EXTENSION")}"
    {output, status} = System.cmd(Path.join(@package, "build-hex"), [folder, argument], stderr_to_stdout: true)
    assert status == 0, output
    String.trim(output)
  end

  defp unpacked!(path) do
    {:ok, files} = :erl_tar.extract(path, [:memory])
    Map.new(files, fn {name, content} -> {to_string(name), content} end)
  end
end
