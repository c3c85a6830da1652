package knocker

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"time"
)

// handlerConnection is a worker's connection for handlers: one attempt after the other.
type handlerConnection struct {
	database *database
	conn     *conn
	guard    *guard
	pool     *sql.DB
	session  *sql.Conn
	// held is for how long commits have held the write lock since takeHeld.
	held time.Duration
	// commits are how many it has tried.
	commits int64
}

func newHandlerConnection(d *database, c *conn) (*handlerConnection, error) {
	g := &guard{Conn: c.driverConn(), inTransaction: c.inTransaction}
	g.workers.Store(true)
	c.asks(g.mayPrepare)
	pool := sql.OpenDB(&single{connection: g})
	pool.SetMaxOpenConns(1)
	session, err := pool.Conn(context.Background())
	if err != nil {
		_ = pool.Close()
		return nil, err
	}
	return &handlerConnection{database: d, conn: c, guard: g, pool: pool, session: session}, nil
}

// start gives what the handlers of an attempt get that has a transaction of its own.
func (h *handlerConnection) start() *Tx {
	h.guard.workers.Store(false)
	h.guard.shared = nil
	return &Tx{database: h.database, session: h.session, conn: h.conn, guard: h.guard}
}

// isAltered says whether handlers have left something on the connection: a setting, an attached file, a table of its own.
func (h *handlerConnection) isAltered() bool {
	if h.guard.altered.Load() {
		return true
	}
	left, err := h.conn.value("SELECT count(*) FROM temp.sqlite_schema")
	return err != nil || left != int64(0)
}

// heldSince says that the write lock, which it has had since then, has been given back.
func (h *handlerConnection) heldSince(then time.Time) { h.held += h.database.paces.now().Sub(then) }

// takeHeld is for how long commits have held the write lock since the last call.
func (h *handlerConnection) takeHeld() time.Duration {
	held := h.held
	h.held = 0
	return held
}

// version is another one when another connection has committed something.
func (h *handlerConnection) version() (int64, error) {
	version, err := h.conn.value("PRAGMA data_version")
	if err != nil {
		return 0, err
	}
	return integer(version), nil
}

func (h *handlerConnection) close() {
	h.conn.finalize()
	_ = h.session.Close()
	_ = h.pool.Close()
}

// guard is the driver's connection as handlers see it through database/sql: what would end the transaction is the worker's, and what changes the
// connection is noted.
type guard struct {
	driver.Conn
	// workers: the worker itself ends the transaction.
	workers atomic.Bool
	altered atomic.Bool
	refusal error
	// shared is the transaction that the handlers' own is a savepoint in; nil where it is one.
	shared *sharedCommit
	// inTransaction says whether there is one still: SQLite itself ends it after a full disk, or for `OR ROLLBACK`.
	inTransaction func() bool
}

var (
	errNotToCommit   = usage("the worker commits tx together with the event when the handlers have returned")
	errNotToRollBack = usage("return an error to roll back: Retry, RetryAfter, Ignore and Dead say how the event goes on")
	errNotToSave     = usage("%s is the worker's savepoint: take one of another name", attemptSavepoint)
)

// asWorker lets the worker use the connection while handlers run, until the returned function is called.
func (g *guard) asWorker() (done func()) {
	before := g.workers.Swap(true)
	return func() { g.workers.Store(before) }
}

// mayPrepare is asked by SQLite about each part of each statement, also of those behind another one and in whatever spelling.
func (g *guard) mayPrepare(p part) bool {
	if g.workers.Load() {
		return true
	}
	switch p {
	case partCommit:
		g.refusal = errNotToCommit
	case partRollback:
		g.refusal = errNotToRollBack
	case partSavepoint:
		g.refusal = errNotToSave
	case partSetting:
		g.altered.Store(true)
		return true
	}
	return false
}

// refused gives the reason instead of the driver's "not authorized".
func (g *guard) refused(err error) error {
	refusal := g.refusal
	g.refusal = nil
	if err != nil && refusal != nil {
		return refusal
	}
	return err
}

// refuseEnded: whatever handlers write when their transaction is lost would be committed by itself, apart from the event.
func (g *guard) refuseEnded() error {
	if g.workers.Load() || g.inTransaction() {
		return nil
	}
	return errEnded
}

func (g *guard) ExecContext(ctx context.Context, query string, arguments []driver.NamedValue) (driver.Result, error) {
	if err := g.refuseEnded(); err != nil {
		return nil, err
	}
	result, err := g.Conn.(driver.ExecerContext).ExecContext(ctx, query, arguments)
	return result, g.refused(err)
}

func (g *guard) QueryContext(ctx context.Context, query string, arguments []driver.NamedValue) (driver.Rows, error) {
	if err := g.refuseEnded(); err != nil {
		return nil, err
	}
	rows, err := g.Conn.(driver.QueryerContext).QueryContext(ctx, query, arguments)
	return rows, g.refused(err)
}

func (g *guard) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	statement, err := g.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, g.refused(err)
	}
	return &guardedStmt{statement, g}, nil
}

func (g *guard) Prepare(query string) (driver.Stmt, error) {
	return g.PrepareContext(context.Background(), query)
}

func (g *guard) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if g.shared != nil {
		if err := g.shared.begin(); err != nil {
			return nil, err
		}
		return &guardedTx{oneOfSeveral{}, g}, nil
	}
	begun, err := g.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &guardedTx{begun, g}, nil
}

// guardedStmt is a statement that a handler has prepared, and may keep for longer than its transaction lasts.
type guardedStmt struct {
	driver.Stmt
	guard *guard
}

func (s *guardedStmt) ExecContext(ctx context.Context, arguments []driver.NamedValue) (driver.Result, error) {
	if err := s.guard.refuseEnded(); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, arguments)
}

func (s *guardedStmt) QueryContext(ctx context.Context, arguments []driver.NamedValue) (driver.Rows, error) {
	if err := s.guard.refuseEnded(); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, arguments)
}

// guardedTx is ended by the worker alone: a library that commits by itself would tear the handler's writes from the event.
type guardedTx struct {
	driver.Tx
	guard *guard
}

func (t *guardedTx) Commit() error {
	if !t.guard.workers.Load() {
		return errNotToCommit
	}
	return t.Tx.Commit()
}

func (t *guardedTx) Rollback() error {
	if !t.guard.workers.Load() {
		return errNotToRollBack
	}
	return t.Tx.Rollback()
}

// oneOfSeveral is the transaction of handlers that share it: its end is that of their rows and statements.
type oneOfSeveral struct{}

func (oneOfSeveral) Commit() error   { return nil }
func (oneOfSeveral) Rollback() error { return nil }

// single hands out the one connection that it was made of.
type single struct {
	connection driver.Conn
}

func (s *single) Connect(context.Context) (driver.Conn, error) {
	if s.connection == nil {
		return nil, driver.ErrBadConn
	}
	given := s.connection
	s.connection = nil
	return given, nil
}

func (s *single) Driver() driver.Driver { return failing{driver.ErrBadConn} }
