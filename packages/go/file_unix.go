//go:build unix

package knocker

import (
	"os"
	"syscall"
)

// lock holds a write-ahead log, which SQLite itself never locks so, until it is closed.
func lock(file *os.File) { _ = syscall.Flock(int(file.Fd()), syscall.LOCK_EX) }
