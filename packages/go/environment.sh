# Sourced by the runners of the Go package: the library under test, and Go with cgo.

package=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$package/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
case $(uname -s) in Darwin) library=libknocker.dylib ;; *) library=libknocker.so ;; esac

say() { printf '\n== %s\n' "$*"; }

if [ -z "${KNOCKER_EXTENSION:-}" ]; then
  (cd "$root" && cargo build --release -p knocker-extension)
  KNOCKER_EXTENSION=$CARGO_TARGET_DIR/release/$library
fi
# A copy of one's own: a build may replace the file while tests have it loaded.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$KNOCKER_EXTENSION" "$work/$library"
export KNOCKER_EXTENSION=$work/$library CGO_ENABLED=1
cd "$package"
