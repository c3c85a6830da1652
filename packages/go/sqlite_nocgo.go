//go:build !cgo

package knocker

import (
	"database/sql/driver"
	"time"
)

// conn stands for the connection that a program without cgo cannot have.
type conn struct{}

var errNoCgo = newError("cannot_load", "this program was built with CGO_ENABLED=0, and no SQLite driver without cgo can load a native extension: "+
	"modernc.org/sqlite and zombiezen.com/go/sqlite run SQLite translated to Go, ncruces/go-sqlite3 in WebAssembly", nil)

func openConn(string, bool, *openOptions) (*conn, error)             { return nil, errNoCgo }
func openToLook(string, *openOptions) (*conn, error)                 { return nil, errNoCgo }
func openInMemory(*openOptions) (*conn, error)                       { return nil, errNoCgo }
func (*conn) call(string, ...driver.Value) (driver.Value, error)     { return nil, errNoCgo }
func (*conn) value(string, ...driver.Value) (driver.Value, error)    { return nil, errNoCgo }
func (*conn) exec(string, ...driver.Value) error                     { return errNoCgo }
func (*conn) once(string) error                                      { return errNoCgo }
func (*conn) rows(string, ...driver.Value) ([][]driver.Value, error) { return nil, errNoCgo }
func (*conn) inTransaction() bool                                    { return false }
func (*conn) waits(time.Duration) error                              { return errNoCgo }
func (*conn) driverConn() driver.Conn                                { return nil }
func (*conn) asks(func(part) bool)                                   {}
func (*conn) finalize()                                              {}
func (*conn) close()                                                 {}
func translate(err error) error                                      { return err }
func saysBusy(error) bool                                            { return false }
