# Sourced by the runners of the Elixir package: the library under test, and where things are built.

package=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$package/../../release/library.sh"
export CARGO_TARGET_DIR=$target
# Without it, a virtual machine takes file names for Latin-1.
export ELIXIR_ERL_OPTIONS="${ELIXIR_ERL_OPTIONS:-} +fnu"
cd "$package"
