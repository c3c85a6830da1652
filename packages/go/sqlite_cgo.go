//go:build cgo

package knocker

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"
)

const entryPoint = "sqlite3_knocker_init"

// keptStatements is how many statements of handlers each connection keeps prepared, by their text: those of the next event are mostly the same. SQLite
// has been asked about them when they were prepared, see asks, and what it refuses is not kept.
const keptStatements = "32"

// conn is one connection with Knocker loaded, for one goroutine at a time. Its statements are prepared once.
type conn struct {
	raw        *sqlite3.SQLiteConn
	statements map[string]*statement
	calls      map[calledFunction]*statement
	// patience is how long it waits for locks.
	patience time.Duration
}

// statement is one that is prepared, with room for its arguments and its value. It names its columns, so that they are always as many: width, which is
// not known before the first use.
type statement struct {
	*sqlite3.SQLiteStmt
	arguments []driver.NamedValue
	room      [1]driver.Value
	width     int
}

// calledFunction is an SQL function with so many arguments.
type calledFunction struct {
	name      string
	arguments int
}

// openConn opens a file in WAL mode with foreign keys on and Knocker loaded. A file is made only where create says so.
func openConn(path string, create bool, o *openOptions) (*conn, error) {
	mode := "rw"
	if create {
		mode = "rwc"
	}
	settings := "mode=" + mode + "&_txlock=immediate&_stmt_cache_size=" + keptStatements + "&_busy_timeout=" + milliseconds(o.busyTimeout)
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: settings}).String()
	opened, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, whyNotOpened(path, translate(err))
	}
	c := newConn(opened, o.busyTimeout)
	if err := c.setUp(o); err != nil {
		c.close()
		return nil, whyNotOpened(path, err)
	}
	return c, nil
}

// openToLook opens a file as it is, to read it: opening changes nothing of it.
func openToLook(path string, o *openOptions) (*conn, error) {
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "mode=rw&_busy_timeout=" + milliseconds(o.busyTimeout)}).String()
	c, err := openWithLibrary(path, dsn, o)
	if err != nil {
		return nil, err
	}
	// The driver has a default of its own: what one connection does not sync is lost with what another one does.
	if err := c.once("PRAGMA synchronous = " + o.synchronous); err != nil {
		c.close()
		return nil, whyNotOpened(path, err)
	}
	return c, nil
}

// openInMemory opens a database that nobody else has, for functions that have no file.
func openInMemory(o *openOptions) (*conn, error) { return openWithLibrary(":memory:", ":memory:", o) }

func openWithLibrary(path, dsn string, o *openOptions) (*conn, error) {
	opened, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, whyNotOpened(path, translate(err))
	}
	c := newConn(opened, unknownPatience)
	if err := loadInto(c.raw, o.library); err != nil {
		c.close()
		return nil, whyNotOpened(path, err)
	}
	return c, nil
}

// unknownPatience is the driver's own, or that of whoever opened it.
const unknownPatience = -1

func newConn(opened driver.Conn, patience time.Duration) *conn {
	return &conn{raw: opened.(*sqlite3.SQLiteConn), statements: map[string]*statement{}, calls: map[calledFunction]*statement{}, patience: patience}
}

func (c *conn) setUp(o *openOptions) error {
	if err := loadInto(c.raw, o.library); err != nil {
		return err
	}
	if err := c.checkVersion(o.library); err != nil {
		return err
	}
	if err := c.useWAL(o.busyTimeout); err != nil {
		return err
	}
	for _, pragma := range []string{
		"PRAGMA synchronous = " + o.synchronous,
		"PRAGMA foreign_keys = ON",
		// SQLite's own checkpoints tell nobody that they fail: see checkpoints.go.
		"PRAGMA wal_autocheckpoint = 0",
	} {
		if err := c.once(pragma); err != nil {
			return err
		}
	}
	return nil
}

// checkVersion refuses a library that is older than what this module was written for. A newer one knows all that it needs.
func (c *conn) checkVersion(library string) error {
	found, err := c.value("SELECT knocker_version()")
	if err != nil {
		return err
	}
	if version := text(found); older(version, contractVersion) {
		return newError("library_too_old", "the library "+library+" is of version "+version+", and this module needs "+contractVersion, nil)
	}
	return nil
}

// useWAL switches the file to WAL mode. SQLite answers "locked" at once where two processes switch a new file at the same moment.
func (c *conn) useWAL(patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		mode, err := c.value("PRAGMA journal_mode")
		if err == nil && mode != "wal" {
			err = c.once("PRAGMA journal_mode = WAL")
		}
		if err == nil || !errors.Is(err, ErrBusy) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// call gives the result of one SQL function.
func (c *conn) call(function string, arguments ...driver.Value) (driver.Value, error) {
	called := calledFunction{function, len(arguments)}
	prepared, ok := c.calls[called]
	if !ok {
		var err error
		if prepared, err = c.prepared("SELECT " + function + "(?" + strings.Repeat(", ?", len(arguments)-1) + ")"); err != nil {
			return nil, translate(err)
		}
		c.calls[called] = prepared
	}
	return prepared.value(arguments)
}

// value gives the first column of the first row, and nil where there is none.
func (c *conn) value(sql string, arguments ...driver.Value) (driver.Value, error) {
	prepared, err := c.prepared(sql)
	if err != nil {
		return nil, translate(err)
	}
	return prepared.value(arguments)
}

// exec runs a statement for what it does.
func (c *conn) exec(sql string, arguments ...driver.Value) error {
	_, err := c.value(sql, arguments...)
	return err
}

// once runs a statement that is not kept.
func (c *conn) once(sql string) error {
	_, err := c.raw.Exec(sql, nil)
	return translate(err)
}

// rows gives every row of a statement, which is prepared at its first use and kept.
func (c *conn) rows(sql string, arguments ...driver.Value) (all [][]driver.Value, err error) {
	prepared, err := c.prepared(sql)
	if err != nil {
		return nil, translate(err)
	}
	found, err := prepared.query(arguments)
	if err != nil {
		return nil, translate(err)
	}
	defer func() { err = closed(found, err) }()
	width := prepared.widthOf(found)
	for {
		row := make([]driver.Value, width)
		switch err := found.Next(row); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, translate(err)
		}
		all = append(all, row)
	}
}

// value gives the first column of the first row, once it has run to its end.
func (s *statement) value(arguments []driver.Value) (value driver.Value, err error) {
	found, err := s.query(arguments)
	if err != nil {
		return nil, translate(err)
	}
	defer func() { err = closed(found, err) }()
	// The driver reads no more columns than there is room for.
	room := s.room[:min(1, s.widthOf(found))]
	for n := 0; ; n++ {
		switch err := found.Next(room); {
		case errors.Is(err, io.EOF):
			return value, nil
		case err != nil:
			return nil, translate(err)
		}
		if n == 0 && len(room) > 0 {
			value, room[0] = room[0], nil
		}
	}
}

// query begins to run it.
func (s *statement) query(arguments []driver.Value) (driver.Rows, error) {
	for n, argument := range arguments {
		if n == len(s.arguments) {
			s.arguments = append(s.arguments, driver.NamedValue{Ordinal: n + 1})
		}
		s.arguments[n].Value = argument
	}
	found, err := s.QueryContext(context.Background(), s.arguments[:len(arguments)])
	for n := range s.arguments {
		// They may be large, and the next call may come late.
		s.arguments[n].Value = nil
	}
	return found, err
}

func (s *statement) widthOf(found driver.Rows) int {
	if s.width < 0 {
		s.width = len(found.Columns())
	}
	return s.width
}

// closed ends the reading of rows, of which the error may be what came before.
func closed(found driver.Rows, err error) error {
	if closing := found.Close(); err == nil && closing != nil {
		return translate(closing)
	}
	return err
}

func (c *conn) prepared(sql string) (*statement, error) {
	if kept, ok := c.statements[sql]; ok {
		return kept, nil
	}
	prepared, err := c.raw.Prepare(sql)
	if err != nil {
		return nil, err
	}
	kept := &statement{SQLiteStmt: prepared.(*sqlite3.SQLiteStmt), width: -1}
	c.statements[sql] = kept
	return kept, nil
}

// inTransaction says whether a transaction is open.
func (c *conn) inTransaction() bool { return !c.raw.AutoCommit() }

// waits sets how long the connection waits for locks.
func (c *conn) waits(patience time.Duration) error {
	if patience == c.patience {
		return nil
	}
	err := c.once("PRAGMA busy_timeout = " + milliseconds(patience))
	if err == nil {
		c.patience = patience
	}
	return err
}

// driverConn is the driver's own connection.
func (c *conn) driverConn() driver.Conn { return c.raw }

// asks has SQLite ask about the statements that are prepared from here on.
func (c *conn) asks(mayPrepare func(part) bool) {
	c.raw.RegisterAuthorizer(func(operation int, argument, name, _ string) int {
		asked := partOther
		switch operation {
		case sqlite3.SQLITE_TRANSACTION:
			asked = map[string]part{"COMMIT": partCommit, "ROLLBACK": partRollback}[argument]
		case sqlite3.SQLITE_SAVEPOINT:
			if strings.EqualFold(name, attemptSavepoint) {
				asked = partSavepoint
			}
		case sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH:
			asked = partSetting
		}
		if asked == partOther || mayPrepare(asked) {
			return sqlite3.SQLITE_OK
		}
		return sqlite3.SQLITE_DENY
	})
}

// close ends the connection. What fails in it has no reader.
func (c *conn) close() {
	c.finalize()
	_ = c.raw.Close()
}

// finalize ends the kept statements, for one that is closed by somebody else.
func (c *conn) finalize() {
	for _, statement := range c.statements {
		_ = statement.Close()
	}
	clear(c.statements)
	clear(c.calls)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// loadInto loads the library into a connection of mattn/go-sqlite3.
func loadInto(raw *sqlite3.SQLiteConn, library string) error {
	if err := raw.LoadExtension(library, entryPoint); err != nil {
		known := translate(err)
		if codeOf(known) == "" {
			// Of what fails here the driver gives SQLite's text alone.
			known = errorFromSQLite(int(sqlite3.ErrError), err.Error(), err)
		}
		if !errors.Is(known, ErrSQLite) {
			return known
		}
		if found, _, _ := sqlite3.Version(); older(found, oldestSQLite) {
			// What the library itself would say, could it be loaded: another way to load it would not help.
			return newError("unsupported_sqlite", "this program's SQLite is "+found+", Knocker needs "+oldestSQLite, err)
		}
		return newError("cannot_load", "the library "+library+" could not be loaded: "+err.Error(), err)
	}
	return nil
}

// saysBusy says whether the error is of a connection that has met a lock, Knocker's or another one of this driver.
func saysBusy(err error) bool {
	var failed sqlite3.Error
	return errors.As(err, &failed) && codeOfResult(int(failed.Code)) == "busy"
}

// translate makes Knocker's error of one of the driver's.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	var failed sqlite3.Error
	if !errors.As(err, &failed) {
		return err
	}
	return errorFromSQLite(int(failed.Code), failed.Error(), err)
}
