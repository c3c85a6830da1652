package tests

import (
	"context"
	"database/sql"
	"strconv"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// preparing counts the parts of statements that a connection has prepared: SQLite asks an authorizer about each of them then, and at no other time.
func preparing(t *testing.T, connection *sql.Conn) *int {
	t.Helper()
	asked := new(int)
	err := connection.Raw(func(raw any) error {
		raw.(*sqlite3.SQLiteConn).RegisterAuthorizer(func(int, string, string, string) int {
			*asked++
			return sqlite3.SQLITE_OK
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

// SQLite 3.54 takes a statement whose bindings were cleared for one that may need another plan, and prepares it anew.
func TestTheLibraryPreparesItsStatementsOnce(t *testing.T) {
	const driver, calls = "sqlite3_knocker_prepared", 9
	if err := knocker.Register(driver); err != nil {
		t.Fatal(err)
	}
	path := knockertest.File(t)
	github(t, openAt(t, path, knocker.Logger(quiet())))
	db := must[*sql.DB](t)(sql.Open(driver, "file:"+path+"?_journal_mode=WAL"))
	defer func() { _ = db.Close() }()
	ctx := context.Background()
	connection := must[*sql.Conn](t)(db.Conn(ctx))
	defer func() { _ = connection.Close() }()
	asked := preparing(t, connection)
	query := func(statement *sql.Stmt, arguments ...any) (value any) {
		t.Helper()
		if err := statement.QueryRowContext(ctx, arguments...).Scan(&value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	prepare := func(statement string) *sql.Stmt { return must[*sql.Stmt](t)(connection.PrepareContext(ctx, statement)) }
	ingest := prepare("SELECT knocker_ingest('github', json_object('valid', json('true'), 'key', ?), x'00')")
	for n := range 2 * calls {
		query(ingest, strconv.Itoa(n))
	}
	job := prepare("SELECT min(job_id) FROM knocker_jobs WHERE worker = 'w'")
	for _, way := range []struct {
		name, statement string
		argument        func(n int) any
	}{
		{"a receipt", "SELECT knocker_ingest('github', json_object('valid', json('true'), 'key', ?), x'00')", func(n int) any { return "k" + strconv.Itoa(n) }},
		{"a look", "SELECT knocker_next_due(?)", func(int) any { return `{"worker":"w","endpoints":["github"]}` }},
		{"a claim", "SELECT knocker_claim('w', 2, 60, ?)", func(int) any { return `{"endpoints":["github"]}` }},
		{"a verdict", "SELECT knocker_handled(?, 'w', 1)", func(int) any { return query(job) }},
		{"a failure", "SELECT knocker_failed(?, 'w', 'no', 1)", func(int) any { return query(job) }},
	} {
		prepared := prepare(way.statement)
		// The first calls prepare what they find to do.
		var parts int
		for n := range calls {
			argument := way.argument(n)
			before := *asked
			query(prepared, argument)
			parts = *asked - before
		}
		if parts != 0 {
			t.Errorf("%s prepared statements of %d parts again", way.name, parts)
		}
	}
}
