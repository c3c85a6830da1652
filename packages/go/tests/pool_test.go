package tests

import (
	"database/sql"
	"testing"

	_ "github.com/mattn/go-sqlite3"
)

// pool is how an application opens its file.
func pool(t *testing.T, path string) *sql.DB {
	t.Helper()
	return must[*sql.DB](t)(sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_busy_timeout=60000"))
}
