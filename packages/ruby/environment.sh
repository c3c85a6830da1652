# Sourced by the runners of the Ruby package: the library under test, and where the package is.

package=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$package/../../release/library.sh"
export CARGO_TARGET_DIR=$target
# Gems of the system bring plugins for minitest that take the package for one of theirs.
export MT_NO_PLUGINS=1
cd "$package"
