package knocker

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// atRest is how long a file in the place of another one must stay as it is before it is opened: it may be a copy that is not complete yet.
const atRest = 100 * time.Millisecond

// openFile knows which file the path led to when it was opened, and whether it still does. A file that is removed, or replaced by a backup, stays
// open: what is committed to it is nowhere that anybody would look.
type openFile struct {
	path string

	mu        sync.Mutex
	file      os.FileInfo
	log       os.FileInfo
	former    os.FileInfo
	formerLog os.FileInfo
	seen      os.FileInfo
	seenAt    time.Time
}

// logPath is the write-ahead log that SQLite keeps beside the file that a link leads to.
func (f *openFile) logPath() string {
	if real, err := filepath.EvalSymlinks(f.path); err == nil {
		return real + "-wal"
	}
	return f.path + "-wal"
}

// identity is what is at the path now, or nil.
func identity(path string) os.FileInfo {
	found, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return found
}

func sameFile(a, b os.FileInfo) bool { return a != nil && b != nil && os.SameFile(a, b) }

func (f *openFile) isKnown() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file != nil
}

// isSame says whether the path still leads to the file that was opened; true while none is.
func (f *openFile) isSame() bool {
	f.mu.Lock()
	known := f.file
	f.mu.Unlock()
	return known == nil || sameFile(identity(f.path), known)
}

// note says that this one is open now.
func (f *openFile) note(file os.FileInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.file, f.former, f.formerLog, f.seen = file, nil, nil, nil
	f.log = identity(f.logPath())
}

// noteLog says that a connection was opened: while one is, the log stays the same file.
func (f *openFile) noteLog() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil && sameFile(identity(f.path), f.file) {
		f.log = identity(f.logPath())
	}
}

// forget says that it is another file, or none. What its log was is kept in mind.
func (f *openFile) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	// While the next one could not be opened, it is still the one before that.
	if f.file != nil {
		f.former, f.formerLog = f.file, f.log
	}
	f.file, f.log = nil, nil
}

// whyNotYet says why what is at the path cannot be opened in the place of the former file yet. None is made there: a backup may be on its way.
func (f *openFile) whyNotYet() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.former == nil {
		return ""
	}
	found := identity(f.path)
	if found == nil {
		return "there is none now"
	}
	if found.Size() == 0 {
		return "the new one is empty"
	}
	if now := time.Now(); !sameFile(found, f.seen) || found.Size() != f.seen.Size() || !found.ModTime().Equal(f.seen.ModTime()) {
		f.seen, f.seenAt = found, now
		// Put there long before anybody looked: where receipts are rare, waiting for a second look would cost one.
		if changed, ok := changedAt(found); ok && now.After(changed.Add(atRest)) {
			f.seenAt = time.Time{}
		}
	}
	if time.Now().Before(f.seenAt.Add(atRest)) {
		return "the new one is not at rest yet"
	}
	return ""
}

// setLeftoversAside renames the log of the former file where it still lies at the path: SQLite would replay it into the new one. It gives its
// new name, and is to be called before the new file is opened.
func (f *openFile) setLeftoversAside() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.former == nil || f.formerLog == nil || sameFile(identity(f.path), f.former) {
		// Where the former file itself is back, the log is its own.
		return ""
	}
	log := f.logPath()
	opened, err := os.OpenFile(log, os.O_RDWR, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = opened.Close() }()
	lock(opened)
	locked, err := opened.Stat()
	// Another process may have done so, and opened the new file.
	if err != nil || !sameFile(locked, f.formerLog) || !sameFile(identity(log), f.formerLog) {
		return ""
	}
	aside := log + ".of-replaced-file-" + strconv.FormatInt(time.Now().UnixMilli(), 10)
	if os.Rename(log, aside) != nil {
		return ""
	}
	_ = os.Rename(strings.TrimSuffix(log, "-wal")+"-shm", strings.Replace(aside, "-wal.", "-shm.", 1))
	return aside
}
