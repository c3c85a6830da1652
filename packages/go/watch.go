package knocker

import "time"

const (
	// watchStep is for while a commit is on its way: written, but not synced and visible yet.
	watchStep     = 500 * time.Microsecond
	watchStepsFor = 50 * time.Millisecond
	// watchPoll is for where the kernel does not help.
	watchPoll = 4 * time.Millisecond
	// watchLook: a look in between even where the kernel tells; file systems of virtual machines may not.
	watchLook = 100 * time.Millisecond
)

// fileWatch notices commits of other connections within a millisecond or so, at almost no cost while nothing happens. PRAGMA data_version says
// whether another connection has committed; asking it all the time costs, so on Linux the kernel tells when the write-ahead log is written, and
// only then it is asked in short steps until the commit is there.
type fileWatch struct {
	connection *conn
	kernel     *kernelWatch
	version    int64
	stopped    <-chan struct{}
}

// newFileWatch takes over the connection. Nobody waits any more once stopped is closed.
func newFileWatch(c *conn, log string, stopped <-chan struct{}) (*fileWatch, error) {
	w := &fileWatch{connection: c, kernel: newKernelWatch(log), stopped: stopped}
	if w.kernel != nil {
		w.kernel.endWith(stopped)
	}
	if _, err := w.looksChanged(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// wait says whether there was a commit since the last look, as soon as there is one, or after the timeout.
func (w *fileWatch) wait(timeout time.Duration) (bool, error) {
	deadline := time.Now().Add(timeout)
	for {
		if changed, err := w.looksChanged(); changed || err != nil {
			return changed, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false, nil
		}
		if w.kernel == nil {
			if pause(min(watchPoll, left), w.stopped) {
				return false, nil
			}
			continue
		}
		written, goesOn := w.kernel.wait(min(watchLook, left))
		select {
		case <-w.stopped:
			return false, nil
		default:
		}
		if !goesOn {
			w.kernel.close()
			w.kernel = nil
		}
		if written {
			if changed, err := w.commitsSoon(); changed || err != nil {
				return changed, err
			}
		}
	}
}

func (w *fileWatch) commitsSoon() (bool, error) {
	for end := time.Now().Add(watchStepsFor); time.Now().Before(end); time.Sleep(watchStep) {
		if changed, err := w.looksChanged(); changed || err != nil {
			return changed, err
		}
	}
	return false, nil
}

func (w *fileWatch) looksChanged() (bool, error) {
	version, err := w.connection.value("PRAGMA data_version")
	if err != nil {
		return false, err
	}
	changed := integer(version) != w.version
	w.version = integer(version)
	return changed, nil
}

func (w *fileWatch) close() {
	if w.kernel != nil {
		w.kernel.close()
	}
	w.connection.close()
}

// pause waits; true where it was ended by the channel.
func pause(d time.Duration, stopped <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-stopped:
		return true
	}
}
