package knocker

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// logPages is how long the write-ahead log grows before a checkpoint: what SQLite's automatic checkpoints take.
	logPages = 1000
	// recoveryTries: each descriptor that was open reports an old error once.
	recoveryTries = 4
	// recoveryPause lies between tries for as long as they go on failing.
	recoveryPause = 250 * time.Millisecond
	pageBytes     = 4096
	// pagesOfACall is what one call writes, before the log has told.
	pagesOfACall = 8
	leastFactor  = 0.1
	mostFactor   = 10.0
	// checkpointPatience: a reader that stays for longer is left alone, and the checkpoint comes later.
	checkpointPatience = 50 * time.Millisecond
)

// checkpoints runs and watches the checkpoints of one database, for all of its connections in this process: SQLite's automatic ones tell nobody
// that they fail.
//
// Two things end the trust in what is written, until the whole log has been checkpointed: an io_error of a write, because a failed sync marks
// pages as written that are not, so that later commits would be lost behind the hole; and a failing checkpoint.
type checkpoints struct {
	busyTimeout time.Duration
	log         *slog.Logger

	distrusted atomic.Bool
	mu         sync.Mutex
	trouble    error
	nextTry    time.Time
	written    float64
	factor     float64
	inLog      int64
}

func newCheckpoints(o *openOptions) *checkpoints {
	return &checkpoints{busyTimeout: o.busyTimeout, log: o.logger, factor: 1}
}

// doubt is to be called with the error of a failed write. It says whether that one ends the trust in what was written before.
func (k *checkpoints) doubt(err error) bool {
	if !errors.Is(err, ErrIO) {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.distrust(err)
	k.nextTry = time.Time{}
	return true
}

// requireSound returns nil where what is committed now can be trusted. Else it tries a checkpoint, and gives the error where that fails.
func (k *checkpoints) requireSound(c *conn) error {
	if !k.distrusted.Load() {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.trouble == nil {
		return nil
	}
	if !time.Now().Before(k.nextTry) && k.recover(c) {
		k.log.Warn("the write-ahead log is checkpointed: receipts are taken again", "record", "disk_recovered")
		k.trouble = nil
		k.distrusted.Store(false)
		return nil
	}
	return newError("io_error", "nothing is acknowledged until the write-ahead log is checkpointed: "+messageOf(k.trouble), k.trouble)
}

// committed notes a commit of so many calls with so many bytes, and runs the checkpoint that is due, if one is. The connection is in no
// transaction, and whoever waited for the commit has been answered.
func (k *checkpoints) committed(c *conn, calls, size int) {
	if k.note(calls, size) {
		k.run(c)
	}
}

// note notes a commit, and says whether a checkpoint is due.
func (k *checkpoints) note(calls, size int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.written += float64(calls*pagesOfACall) + float64(size)/pageBytes
	return k.isDue()
}

func (k *checkpoints) isDue() bool { return k.written*k.factor >= logPages && k.trouble == nil }

// run runs the checkpoint that is due, unless somebody else has meanwhile.
func (k *checkpoints) run(c *conn) {
	k.mu.Lock()
	due, written := k.isDue(), k.written
	if due {
		k.written = 0
	}
	k.mu.Unlock()
	if !due {
		return
	}
	_, inLog, moved, err := k.checkpoint(c, "FULL")
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		k.learn(written, inLog, moved)
	case errors.Is(err, ErrBusy):
		k.written += written
	default:
		// Whatever it is: the log grows, or what was moved into the file is not safe there.
		k.distrust(err)
	}
}

// learn adapts to what the log says that was really written, by other processes as well.
func (k *checkpoints) learn(written float64, inLog, moved int64) {
	grown := inLog
	if inLog > k.inLog {
		grown = inLog - k.inLog
	}
	// A log that was moved completely begins anew.
	k.inLog = inLog
	if moved == inLog {
		k.inLog = 0
	}
	if written > 0 && grown > 0 {
		k.factor = min(mostFactor, max(leastFactor, (k.factor+float64(grown)/written)/2))
	}
}

func (k *checkpoints) distrust(err error) {
	if k.trouble == nil {
		k.log.Error("nothing is acknowledged until the write-ahead log is checkpointed", "record", "disk_failed", "error", messageOf(err), "code", codeOf(err))
	}
	k.trouble = err
	k.distrusted.Store(true)
}

func (k *checkpoints) recover(c *conn) bool {
	for range recoveryTries {
		busy, _, _, err := k.checkpoint(c, "TRUNCATE")
		if err != nil {
			if !errors.Is(err, ErrBusy) {
				k.trouble = err
			}
			continue
		}
		if busy {
			break
		}
		k.written, k.inLog = 0, 0
		return true
	}
	k.nextTry = time.Now().Add(recoveryPause)
	return false
}

// checkpoint says whether it was kept from finishing, the pages of the log, and how many of them are in the file now. FULL and TRUNCATE alone,
// because one that ends where others read or write counts pages as moved without a sync, and does not move them again.
func (k *checkpoints) checkpoint(c *conn, mode string) (busy bool, inLog, moved int64, err error) {
	if err := c.waits(min(checkpointPatience, k.busyTimeout)); err != nil {
		return false, 0, 0, err
	}
	defer func() {
		if e := c.waits(k.busyTimeout); err == nil {
			err = e
		}
	}()
	if mode == "FULL" {
		// Where somebody else writes, one without the write lock would end before the log does.
		if err := c.exec("BEGIN IMMEDIATE"); err != nil {
			return false, 0, 0, err
		}
		if err := c.exec("ROLLBACK"); err != nil {
			return false, 0, 0, err
		}
	}
	found, err := c.rows("PRAGMA wal_checkpoint(" + mode + ")")
	if err != nil {
		return false, 0, 0, err
	}
	return found[0][0] != int64(0), found[0][1].(int64), found[0][2].(int64), nil
}

// messageOf gives an error's text without its code.
func messageOf(err error) string {
	var known *Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}
