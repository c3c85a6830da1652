# Sourced by the runners of the Go package: the library under test, and Go with cgo.

package=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$package/../../release/library.sh"
export CARGO_TARGET_DIR=$target
export CGO_ENABLED=1
cd "$package"
