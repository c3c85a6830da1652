# Sourced by run-tests and run-bench: where things are, the library under test, and virtual environments with the locked packages.
#
#   KNOCKER_EXTENSION   the library under test; without it, target/release is built
#   CARGO_TARGET_DIR    where cargo builds; the checkout's target by default

package=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$package/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
work=$CARGO_TARGET_DIR/python
mkdir -p "$work"
case $(uname -s) in Darwin) library=libknocker.dylib ;; *) library=libknocker.so ;; esac

# The source distribution is built outside this folder, where rustup's default may be missing or too old. Another cargo does not look at this.
RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$root/rust-toolchain.toml")}
export RUSTUP_TOOLCHAIN

say() { printf '\n== %s\n' "$*"; }

if [ -z "${KNOCKER_EXTENSION:-}" ]; then
  (cd "$root" && cargo build --release -p knocker-extension)
  KNOCKER_EXTENSION=$CARGO_TARGET_DIR/release/$library
fi
# A copy, because another build may replace the file while it is in use.
cp -f "$KNOCKER_EXTENSION" "$work/$library.new" && mv -f "$work/$library.new" "$work/$library"
export KNOCKER_EXTENSION=$work/$library

is_free_threaded() { "$1" -c 'import sysconfig; raise SystemExit(not sysconfig.get_config_var("Py_GIL_DISABLED"))'; }

# What free-threaded Pythons have no wheels of, and what needs one of these.
with_gil_only="apsw ast-serialize fastapi granian greenlet librt mypy pydantic pydantic-core pysqlite3"

# locked_for PYTHON: what of the lock is installed for it.
locked_for() {
  if is_free_threaded "$1"; then
    awk -v without=" $with_gil_only " '/^[a-z]/ { split($0, name, "=="); is_in = !index(without, " " name[1] " ") } is_in' "$package/requirements-test.txt"
  else
    cat "$package/requirements-test.txt"
  fi
}

# environment PYTHON FOLDER: a virtual environment of that Python, made again when it or the lock changes. The package comes from src.
environment() {
  local python=$1 folder=$2 stamp
  stamp=$("$python" -c 'import sys; print(sys.version, sys.base_prefix)')$(locked_for "$python" | cksum)
  if [ "$(cat "$folder/stamp" 2>/dev/null || true)" != "$stamp" ]; then
    rm -rf "$folder"
    if ! "$python" -m venv "$folder" >/dev/null 2>&1; then
      # Debian keeps the module's other half in a package of its own.
      rm -rf "$folder"
      (apt-get install -y python3-venv || { apt-get update && apt-get install -y python3-venv; }) >/dev/null
      "$python" -m venv "$folder"
    fi
    locked_for "$python" >"$folder/locked.txt"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$folder/locked.txt"
    "$folder/bin/python" -c 'import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "knocker-src.pth").write_text(sys.argv[1] + "\n")' "$package/src"
    printf '%s' "$stamp" >"$folder/stamp"
  fi
}

first_python() { python3 -c 'import sys; print(sys.executable)'; }
