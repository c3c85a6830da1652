# Sourced by the runners of a package that brings the command: what release/library.sh does, the command and the recorder.

. "$(dirname "${BASH_SOURCE[0]}")/library.sh"
# The command, which comes with the packages.
(cd "$root" && cargo build --release -p knocker-cli)
export KNOCKER_TEST_PROGRAM=$target/release/knocker
# The library that makes calls of a process fail, for the tests of failing disks.
if [ "$(uname -s)" = Linux ]; then
  (cd "$root" && cargo build --release -p knocker-recorder)
  export KNOCKER_TEST_RECORDER=$target/release/libknocker_recorder.so
fi
