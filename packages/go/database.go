package knocker

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/knocker/knocker-go/internal/rqlite"
)

// keptConnections is how many idle connections are kept for the next call.
const keptConnections = 8

// session is what calls run on: a connection to the file, or the nodes of a cluster.
type session interface {
	// call gives the result of one SQL function, in a transaction of its own where none is open.
	call(function string, arguments ...driver.Value) (driver.Value, error)
	// rows gives every row of a query.
	rows(sql string, arguments ...driver.Value) ([][]driver.Value, error)
}

// database is one SQLite file in one process: its settings, a writer with group commit, and connections for everything else.
type database struct {
	path        string
	options     *openOptions
	changed     *changeNews
	checkpoints *checkpoints
	judges      *judges
	writer      *writer
	receives    receiveDurations
	paces       *paces
	// declareAgain is called when another file has been opened.
	declareAgain func(*conn) error
	// cluster is what there is instead of a file; nil where there is one.
	cluster *rqliteCluster

	file *openFile
	// generation counts the files that the path has led to: a connection is of one of them.
	generation atomic.Int64

	opening sync.Mutex
	mu      sync.Mutex
	idle    []*conn
	closed  bool
	using   sync.WaitGroup
	closing sync.Once
}

func openDatabase(path string, o *openOptions) (*database, error) {
	if rqlite.IsAddress(path) {
		return openRqlite(path, o)
	}
	if path == "" || path == ":memory:" {
		return nil, usage("Open needs the path of a file, not %q; in tests, knockertest.Open makes one", path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, usage("Open: %v", err)
	}
	d := newDatabase(absolute, o, nil)
	if err := d.do(context.Background(), func(session) error { return nil }); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func newDatabase(path string, o *openOptions, cluster *rqliteCluster) *database {
	d := &database{path: path, options: o, changed: newChangeNews(), checkpoints: newCheckpoints(o), paces: newPaces(o.clock), file: &openFile{path: path}, cluster: cluster}
	d.judges = newJudges(d)
	d.writer = newWriter(d)
	return d
}

// now is the injected clock's time as an argument of the SQL functions, or nil for the system's. The nodes of a cluster do not read their own.
func (d *database) now() driver.Value {
	if d.options.clock == nil && d.cluster == nil {
		return nil
	}
	return d.wallClock().UnixMilli()
}

// wallClock is the time that leases go by: it goes on while a machine sleeps, as the monotonic one of [time.Now] does not.
func (d *database) wallClock() time.Time {
	if d.options.clock == nil {
		return time.Now().Round(0)
	}
	return d.options.clock().Round(0)
}

// open gives a new connection to the file that is at the path now; whoever asked closes it.
func (d *database) open() (*conn, error) {
	if err := d.openTheFile(); err != nil {
		return nil, err
	}
	return d.connect()
}

func (d *database) connect() (*conn, error) {
	generation := d.generation.Load()
	// A file is made only where there has been none: one that is gone may be on its way back.
	isFirst := generation == 0 && !d.file.isKnown() && !d.options.isThere
	c, err := openConn(d.path, isFirst, d.options)
	if err != nil {
		if former := d.refuseFormer(generation); former != nil {
			return nil, former
		}
		if !isFirst && identity(d.path) == nil {
			return nil, newError("file_replaced", d.path+" was removed or replaced while it was open, and there is none now", err)
		}
		return nil, err
	}
	d.file.noteLog()
	return c, nil
}

// openTheFile opens the file that is at the path, prepares it, and says so to whoever has declared something in the one before.
func (d *database) openTheFile() error {
	if d.file.isKnown() {
		return nil
	}
	d.opening.Lock()
	defer d.opening.Unlock()
	if d.file.isKnown() {
		return nil
	}
	if whyNot := d.file.whyNotYet(); whyNot != "" {
		return newError("file_replaced", d.path+" was removed or replaced while it was open, and "+whyNot, nil)
	}
	if aside := d.file.setLeftoversAside(); aside != "" {
		d.options.logger.Warn("the log of the replaced file is kept", "record", "log_kept", "path", aside)
	}
	before := identity(d.path)
	c, err := d.connect()
	if err != nil {
		return err
	}
	opened := identity(d.path)
	if opened == nil || (before != nil && !sameFile(before, opened)) {
		c.close()
		return newError("file_replaced", d.path+" changed while it was opened", nil)
	}
	if _, err := c.call("knocker_bootstrap", d.now()); err != nil {
		c.close()
		return err
	}
	// Others wait until everything is declared, so that no request finds its endpoint missing.
	if d.declareAgain != nil {
		if err := d.declareAgain(c); err != nil {
			c.close()
			return err
		}
	}
	d.file.note(opened)
	if d.generation.Load() > 0 {
		d.options.logger.Warn("another file is at the path now, and open", "record", "file_opened", "path", d.path)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.idle = append(d.idle, c)
	return nil
}

// refuseReplaced gives an error where the path leads to another file, or to none: what is written to the open one would be lost. The next use
// opens what is there then.
func (d *database) refuseReplaced() error {
	if d.file.isSame() {
		return nil
	}
	d.mu.Lock()
	if d.file.isSame() {
		d.mu.Unlock()
		return nil
	}
	what := "removed"
	if identity(d.path) != nil {
		what = "replaced by another file"
	}
	d.file.forget()
	d.generation.Add(1)
	idle := d.idle
	d.idle = nil
	d.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
	problem := newError("file_replaced", fmt.Sprintf("%s was %s while it was open", d.path, what), nil)
	d.options.logger.Error(problem.Message, "record", "file_replaced", "code", problem.Code, "error", problem.Message)
	d.changed.notify()
	return problem
}

// refuseFormer is as refuseReplaced, also for connections of a file that somebody else has found replaced.
func (d *database) refuseFormer(generation int64) error {
	if err := d.refuseReplaced(); err != nil {
		return err
	}
	if generation != d.generation.Load() {
		return newError("file_replaced", d.path+" was removed or replaced while it was open", nil)
	}
	return nil
}

// alive refuses a context that is over, or none.
func alive(ctx context.Context) error {
	if ctx == nil {
		return usage("the context is nil; one that never ends is context.Background()")
	}
	return ctx.Err()
}

// do runs a function with a connection, which is kept for the next one.
func (d *database) do(ctx context.Context, use func(session) error) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.using.Done()
	if d.cluster != nil {
		return use(d.cluster.session(ctx))
	}
	c, generation, err := d.take()
	if err != nil {
		return err
	}
	err = use(c)
	d.give(c, generation, err)
	return err
}

// enter counts a user of this database, who is waited for when it is closed.
func (d *database) enter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed()
	}
	d.using.Add(1)
	return nil
}

func (d *database) take() (*conn, int64, error) {
	if err := d.refuseReplaced(); err != nil {
		return nil, 0, err
	}
	if err := d.openTheFile(); err != nil {
		return nil, 0, err
	}
	d.mu.Lock()
	generation := d.generation.Load()
	var c *conn
	if last := len(d.idle) - 1; last >= 0 {
		c, d.idle = d.idle[last], d.idle[:last]
	}
	d.mu.Unlock()
	if c != nil {
		return c, generation, nil
	}
	c, err := d.connect()
	return c, generation, err
}

func (d *database) give(c *conn, generation int64, err error) {
	d.mu.Lock()
	// One that came up read-only stays so, and one that an error left inside a transaction is nobody else's.
	keep := !d.closed && generation == d.generation.Load() && len(d.idle) < keptConnections && !errors.Is(err, ErrReadOnly) && !c.inTransaction()
	if keep {
		d.idle = append(d.idle, c)
	}
	d.mu.Unlock()
	if !keep {
		c.close()
	}
}

// doFor is as do, for a caller who has a context. One that comes from a handler which has the write lock would wait for itself.
func (d *database) doFor(ctx context.Context, use func(session) error) error {
	if err := alive(ctx); err != nil {
		return err
	}
	if err := d.refuseOwnLock(ctx); err != nil {
		return err
	}
	return d.do(ctx, use)
}

func (d *database) refuseOwnLock(ctx context.Context) error {
	tx, ok := ctx.Value(attemptKey{}).(*Tx)
	if !ok || tx.database != d {
		return nil
	}
	tx.letGo()
	if tx.isBegun() {
		return usage("this handler has held the write lock since its first use of tx, and the call would wait for it in vain: call before that, or write through tx")
	}
	return nil
}

// call runs one SQL function in a transaction of its own, with the clock as its last argument.
func (d *database) call(ctx context.Context, function string, arguments ...driver.Value) (driver.Value, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	if err := d.refuseOwnLock(ctx); err != nil {
		return nil, err
	}
	result, err := d.callOnce(ctx, function, arguments)
	if errors.Is(err, ErrReadOnly) {
		// Perhaps only the connection is: it came up so, and the file has been put right since. The others may be like it.
		d.closeIdle()
		return d.callOnce(ctx, function, arguments)
	}
	return result, err
}

func (d *database) callOnce(ctx context.Context, function string, arguments []driver.Value) (result driver.Value, err error) {
	err = d.do(ctx, func(s session) error {
		result, err = s.call(function, append(arguments[:len(arguments):len(arguments)], d.now())...)
		if err != nil {
			d.doubt(err)
			return err
		}
		d.committed(s)
		return nil
	})
	return result, err
}

// committed notes a call that was committed.
func (d *database) committed(s session) {
	if c, ok := s.(*conn); ok {
		d.checkpoints.committed(c, 1, 0)
	}
}

// doubt is to be called with the error of a failed write.
func (d *database) doubt(err error) {
	if d.checkpoints.doubt(err) {
		// A new descriptor does not report the old error again.
		d.closeIdle()
	}
}

// rows gives every row of a query.
func (d *database) rows(ctx context.Context, sql string, arguments ...driver.Value) (found [][]driver.Value, err error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	err = d.do(ctx, func(s session) error {
		found, err = s.rows(sql, arguments...)
		return err
	})
	return found, err
}

// close commits what is queued and closes the connections. Whoever calls it again waits until that is done, too.
func (d *database) close() {
	d.closing.Do(func() {
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
		// What is judged still goes to the writer.
		d.using.Wait()
		d.judges.close()
		d.writer.close()
		d.closeIdle()
		if d.cluster != nil {
			d.cluster.nodes.Close()
		}
		d.changed.notify()
	})
}

func (d *database) closeIdle() {
	d.mu.Lock()
	idle := d.idle
	d.idle = nil
	d.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

func errClosed() *Error { return newError("closed", "these hooks are closed", nil) }

// whyNotOpened says more of a path that cannot be opened than SQLite does.
func whyNotOpened(path string, err error) error {
	if errors.Is(err, ErrCorrupt) {
		return newError("corrupt", messageOf(err)+": "+path, err)
	}
	if !errors.Is(err, ErrIO) {
		return err
	}
	var reason string
	folder := filepath.Dir(path)
	if found, statErr := os.Stat(path); statErr == nil && found.IsDir() {
		reason = path + " is a folder"
	} else if found, statErr := os.Stat(folder); statErr != nil || !found.IsDir() {
		reason = "there is no folder " + folder
	} else {
		return newError("io_error", messageOf(err)+": "+path, err)
	}
	known := newError("io_error", messageOf(err)+": "+reason, err)
	// Trying again would not help, as it does with a failing disk.
	known.Retryable, known.Hint = false, "Correct the path, or create the folder first."
	return known
}
