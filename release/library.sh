# Sourced by release/prepare.sh and by the runners of the packages: the checkout, and the library under test.
#
#   KNOCKER_EXTENSION   the library under test; without it, target/release is built
#   CARGO_TARGET_DIR    where cargo builds; the checkout's target by default

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
case $(uname -s) in Darwin) library=libknocker.dylib ;; *) library=libknocker.so ;; esac

say() { printf '\n== %s\n' "$*"; }

if [ -z "${KNOCKER_EXTENSION:-}" ]; then
  (cd "$root" && cargo build --release -p knocker-extension)
  KNOCKER_EXTENSION=$target/release/$library
fi
# A copy of one's own: a build may replace the file while tests have it loaded.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$KNOCKER_EXTENSION" "$work/$library"
export KNOCKER_EXTENSION=$work/$library
