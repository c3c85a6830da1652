package knocker

import (
	"os"
	"syscall"
	"time"
)

// changedAt is when the file was last changed in any way, put in its place among them.
func changedAt(found os.FileInfo) (time.Time, bool) {
	status, ok := found.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(status.Ctim.Unix()), true
}
