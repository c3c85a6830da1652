package knocker

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"time"
)

const (
	// verdictPatience is how long a verdict waits for the write lock. Longer than a receive does: a verdict that is not written makes the handler run
	// again.
	verdictPatience = 60 * time.Second
	verdictPause    = 5 * time.Millisecond
	// writable undoes what a handler may have set: a verdict is a write.
	writable = "PRAGMA query_only = 0"
)

// Tx is the transaction of one attempt, on the worker's own connection. Its first use begins it, so that a handler that calls an API for ten seconds
// and then writes holds the write lock only for the write. The worker commits it together with the event, or takes it back.
//
// On the nodes of rqlite it takes ExecContext and Exec alone, of one statement that writes: they are sent in one request with the verdict, and happen
// together with it or not at all. What they change cannot be read before, and is no result.
//
// It has the methods of the DBTX interface that sqlc generates; [Tx.SQL] gives the transaction itself to sqlx, Bun, GORM or ent. It is the handler's
// until the handler returns: after that every use is an error.
type Tx struct {
	database *database
	session  *sql.Conn
	conn     *conn
	guard    *guard
	// shared is the transaction that it has a savepoint in, nil where it has one of its own; metLock says that others held the lock in it when the
	// handlers began.
	shared  *sharedCommit
	metLock bool
	// writes are kept for the verdict, where the database is a cluster; nil where it is a file.
	writes *rqliteWrites

	mu      sync.Mutex
	tx      *sql.Tx
	begunAt time.Time
	// usedAt is when it was first used, on the stopwatch of the paces, and waited how long the handlers waited for the write lock then.
	usedAt time.Time
	waited time.Duration
	// lockedAt is when the write lock was got, on the stopwatch, where not by a transaction that is shared.
	lockedAt time.Time
	over     bool
	ended    bool
}

var (
	errOver  = newError("closed", "tx is of one attempt, and that attempt is over: do not keep it, or its rows, beyond the handler", nil)
	errEnded = newError("usage", "the transaction ended before the verdict: leave Commit and Rollback to the worker, "+
		"and pass on errors of a full or failing disk", nil)
)

// SQL gives the transaction, begun, for libraries that want one: sqlx.Tx{Tx: t}, bun, gorm. Commit and Rollback are the worker's.
func (t *Tx) SQL(context.Context) (*sql.Tx, error) {
	if t.writes != nil {
		return nil, errWritesOnly
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		return nil, errOver
	case t.ended || (t.tx != nil && !t.conn.inTransaction()):
		t.ended = true
		return nil, errEnded
	case t.tx != nil:
		return t.tx, nil
	}
	asked := t.database.paces.now()
	// Not with the caller's context: database/sql would roll back by itself when that ends, and the verdict would find no transaction.
	begun, err := t.session.BeginTx(context.Background(), nil)
	got := t.database.paces.now()
	t.waited += got.Sub(asked)
	if err != nil {
		return nil, translate(err)
	}
	t.tx, t.begunAt, t.usedAt, t.lockedAt = begun, t.database.wallClock(), asked, got
	return begun, nil
}

// ExecContext runs a statement that gives no rows.
func (t *Tx) ExecContext(ctx context.Context, query string, arguments ...any) (sql.Result, error) {
	if t.writes != nil {
		return t.writes.add(ctx, query, arguments)
	}
	tx, err := t.SQL(ctx)
	if err != nil {
		return nil, err
	}
	return tx.ExecContext(ctx, query, arguments...)
}

// QueryContext runs a statement that gives rows.
func (t *Tx) QueryContext(ctx context.Context, query string, arguments ...any) (*sql.Rows, error) {
	tx, err := t.SQL(ctx)
	if err != nil {
		return nil, err
	}
	return tx.QueryContext(ctx, query, arguments...)
}

// QueryRowContext runs a statement that gives at most one row.
func (t *Tx) QueryRowContext(ctx context.Context, query string, arguments ...any) *sql.Row {
	tx, err := t.SQL(ctx)
	if err != nil {
		return failedRow(ctx, err)
	}
	return tx.QueryRowContext(ctx, query, arguments...)
}

// PrepareContext prepares a statement for this transaction.
func (t *Tx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	tx, err := t.SQL(ctx)
	if err != nil {
		return nil, err
	}
	return tx.PrepareContext(ctx, query)
}

// Exec is ExecContext without a context.
func (t *Tx) Exec(query string, arguments ...any) (sql.Result, error) {
	return t.ExecContext(context.Background(), query, arguments...)
}

// Query is QueryContext without a context.
func (t *Tx) Query(query string, arguments ...any) (*sql.Rows, error) {
	return t.QueryContext(context.Background(), query, arguments...)
}

// QueryRow is QueryRowContext without a context.
func (t *Tx) QueryRow(query string, arguments ...any) *sql.Row {
	return t.QueryRowContext(context.Background(), query, arguments...)
}

// Prepare is PrepareContext without a context.
func (t *Tx) Prepare(query string) (*sql.Stmt, error) {
	return t.PrepareContext(context.Background(), query)
}

// isBegun says whether the handlers have the write lock.
func (t *Tx) isBegun() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tx != nil && !t.over
}

// wasEnded says whether what the handlers began was committed or rolled back behind the worker's back.
func (t *Tx) wasEnded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended || (t.tx != nil && !t.conn.inTransaction())
}

// held is for how long the handlers have had the write lock.
func (t *Tx) held() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tx == nil || !t.conn.inTransaction() {
		return 0
	}
	return t.database.wallClock().Sub(t.begunAt)
}

// letGo is to be called before the handlers wait for the write lock elsewhere: what is not their own is not to hold it.
func (t *Tx) letGo() {
	if t.shared != nil {
		t.shared.letGo(t)
	}
}

// run is how the handlers ran that began then and have ended now.
func (t *Tx) run(began, ended time.Time, failed, apart bool) handlerRun {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := handlerRun{took: ended.Sub(began) - t.waited, usedTx: t.tx != nil, failed: failed, apart: apart}
	if r.usedTx {
		r.usedAfter = t.usedAt.Sub(began)
	}
	return r
}

// leave ends what handlers have of a transaction that they share, with their rows and statements, and says whether they have used it. Its error is
// that a library has tried to end it before.
func (t *Tx) leave() (used bool, err error) {
	t.end()
	if t.tx == nil {
		return false, nil
	}
	// It ends no transaction: see guard.BeginTx.
	return true, t.tx.Commit()
}

// finish runs the verdict in the handlers' transaction, or in a new one where they began none, and commits.
func (t *Tx) finish(verdict func(*conn) error) error {
	t.end()
	err := t.prepareVerdict()
	if err == nil {
		err = verdict(t.conn)
	}
	if err == nil {
		err = t.commit()
	}
	if err != nil {
		t.rollBack()
	}
	return translate(err)
}

func (t *Tx) prepareVerdict() error {
	if t.conn.inTransaction() {
		return nil
	}
	if err := t.conn.exec(writable); err != nil {
		return err
	}
	err := beginPatiently(t.conn)
	t.lockedAt = t.database.paces.now()
	return err
}

// beginPatiently begins a transaction for a verdict.
func beginPatiently(c *conn) error {
	deadline := time.Now().Add(verdictPatience)
	for {
		err := c.exec("BEGIN IMMEDIATE")
		if !errors.Is(err, ErrBusy) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(verdictPause)
	}
}

func (t *Tx) commit() error {
	if t.tx == nil || t.ended {
		return t.conn.exec("COMMIT")
	}
	// Closes rows that the handlers have left open.
	return t.tx.Commit()
}

// rollBack takes back what the handlers wrote. SQLite has done so itself after a full or failing disk.
func (t *Tx) rollBack() {
	t.end()
	if t.tx != nil {
		_ = t.tx.Rollback()
	}
	if t.conn.inTransaction() {
		_ = t.conn.exec("ROLLBACK")
	}
}

func (t *Tx) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = t.ended || (t.tx != nil && !t.over && !t.conn.inTransaction())
	t.over = true
	t.guard.workers.Store(true)
}

// failedRow is a row that gives an error when it is read: database/sql makes one only for a failing connection.
func failedRow(ctx context.Context, err error) *sql.Row {
	db := sql.OpenDB(failing{err})
	defer func() { _ = db.Close() }()
	return db.QueryRowContext(ctx, "")
}

type failing struct{ err error }

func (f failing) Connect(context.Context) (driver.Conn, error) { return nil, f.err }
func (f failing) Driver() driver.Driver                        { return f }
func (f failing) Open(string) (driver.Conn, error)             { return nil, f.err }
