# Sourced by the runners of the Elixir package: the library under test, and where things are built.

package=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$package/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
case $(uname -s) in Darwin) library=libknocker.dylib ;; *) library=libknocker.so ;; esac
# Without it, a virtual machine takes file names for Latin-1.
export ELIXIR_ERL_OPTIONS="${ELIXIR_ERL_OPTIONS:-} +fnu"

say() { printf '\n== %s\n' "$*"; }

if [ -z "${KNOCKER_EXTENSION:-}" ]; then
  (cd "$root" && cargo build --release -p knocker-extension)
  KNOCKER_EXTENSION=$CARGO_TARGET_DIR/release/$library
fi
# A copy of one's own: a build may replace the file while tests have it loaded.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$KNOCKER_EXTENSION" "$work/$library"
export KNOCKER_EXTENSION=$work/$library
cd "$package"
