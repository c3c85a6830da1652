package knocker

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"regexp"
	"strings"
)

// handlerConnection is a worker's connection for handlers: one attempt after the other.
type handlerConnection struct {
	database *database
	conn     *conn
	guard    *guard
	pool     *sql.DB
	session  *sql.Conn
}

func newHandlerConnection(d *database, c *conn) (*handlerConnection, error) {
	g := &guard{Conn: c.driverConn()}
	pool := sql.OpenDB(&single{connection: g})
	pool.SetMaxOpenConns(1)
	session, err := pool.Conn(context.Background())
	if err != nil {
		_ = pool.Close()
		return nil, err
	}
	return &handlerConnection{database: d, conn: c, guard: g, pool: pool, session: session}, nil
}

// start gives what the handlers of an attempt get.
func (h *handlerConnection) start() *Tx {
	h.guard.workers = false
	return &Tx{database: h.database, session: h.session, conn: h.conn, guard: h.guard}
}

// isAltered says whether handlers have left something on the connection: a setting, an attached file, a table of its own.
func (h *handlerConnection) isAltered() bool {
	if h.guard.altered {
		return true
	}
	left, err := h.conn.value("SELECT count(*) FROM temp.sqlite_schema")
	return err != nil || left != int64(0)
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
	workers bool
	altered bool
}

// first is the first word of a statement, behind white space and comments, and what follows it.
var first = regexp.MustCompile(`(?s)^(?:\s|;|--[^\n]*(?:\n|$)|/\*.*?\*/)*([A-Za-z]+)(.*)`)

func (g *guard) check(query string) error {
	found := first.FindStringSubmatch(query)
	if found == nil {
		return nil
	}
	switch strings.ToUpper(found[1]) {
	case "COMMIT", "END":
		return usage("the worker commits tx together with the event when the handlers have returned")
	case "ROLLBACK":
		// ROLLBACK [TRANSACTION] TO a savepoint is the handler's own.
		words := strings.Fields(strings.ToUpper(found[2]))
		if len(words) > 0 && words[0] == "TRANSACTION" {
			words = words[1:]
		}
		if len(words) == 0 || words[0] != "TO" {
			return usage("return an error to roll back: Retry, RetryAfter, Ignore and Dead say how the event goes on")
		}
	case "PRAGMA", "ATTACH", "DETACH":
		g.altered = true
	}
	return nil
}

func (g *guard) ExecContext(ctx context.Context, query string, arguments []driver.NamedValue) (driver.Result, error) {
	if err := g.check(query); err != nil {
		return nil, err
	}
	return g.Conn.(driver.ExecerContext).ExecContext(ctx, query, arguments)
}

func (g *guard) QueryContext(ctx context.Context, query string, arguments []driver.NamedValue) (driver.Rows, error) {
	if err := g.check(query); err != nil {
		return nil, err
	}
	return g.Conn.(driver.QueryerContext).QueryContext(ctx, query, arguments)
}

func (g *guard) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := g.check(query); err != nil {
		return nil, err
	}
	return g.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

func (g *guard) Prepare(query string) (driver.Stmt, error) {
	return g.PrepareContext(context.Background(), query)
}

func (g *guard) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	begun, err := g.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &guardedTx{begun, g}, nil
}

// guardedTx is ended by the worker alone: a library that commits by itself would tear the handler's writes from the event.
type guardedTx struct {
	driver.Tx
	guard *guard
}

func (t *guardedTx) Commit() error {
	if !t.guard.workers {
		return usage("the worker commits tx together with the event when the handlers have returned")
	}
	return t.Tx.Commit()
}

func (t *guardedTx) Rollback() error {
	if !t.guard.workers {
		return usage("return an error to roll back: Retry, RetryAfter, Ignore and Dead say how the event goes on")
	}
	return t.Tx.Rollback()
}

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
