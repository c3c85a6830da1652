//go:build cgo

package knocker

import (
	"database/sql"
	"slices"

	"github.com/mattn/go-sqlite3"
)

// Register registers a driver of database/sql under that name: mattn/go-sqlite3 with Knocker's functions and views on each connection.
//
//	knocker.Register("sqlite3_knocker")
//	db, err := sql.Open("sqlite3_knocker", "app.db")
//
// Registering a name twice is an error, as a second driver of that name would be.
func Register(driverName string) error {
	library, err := LoadablePath()
	if err != nil {
		return err
	}
	if slices.Contains(sql.Drivers(), driverName) {
		return usage("Register: there is a driver %q already", driverName)
	}
	sql.Register(driverName, &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error { return loadInto(c, library) }})
	return nil
}
