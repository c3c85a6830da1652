# Sourced by the runners of a package: the checkout, and the library under test.
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
# The command, which comes with the packages.
(cd "$root" && cargo build --release -p knocker-cli)
export KNOCKER_TEST_PROGRAM=$target/release/knocker
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
