package tests

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// shop gives hooks with an inbox on a file with a table of orders.
func shop(t *testing.T, options ...knocker.Option) (path string, hooks *knocker.Hooks, box *knocker.Endpoint) {
	t.Helper()
	path = knockertest.File(t)
	execute(t, path, "CREATE TABLE orders (id TEXT UNIQUE)")
	hooks = openAt(t, path, append([]knocker.Option{knocker.Logger(quiet())}, options...)...)
	return path, hooks, inbox(t, hooks)
}

func order(ctx context.Context, tx *knocker.Tx, id string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?)", id)
	return err
}

func orders(t *testing.T, path string) int { return count(t, path, "SELECT count(*) FROM orders") }

func TestTheEndOfTheTransactionIsTheWorkersAlone(t *testing.T) {
	for name, statement := range map[string]string{
		"COMMIT":                    "COMMIT",
		"END":                       "END TRANSACTION",
		"ROLLBACK":                  "ROLLBACK",
		"in small letters":          "/* a comment */ commit -- and another",
		"behind another statement":  "INSERT INTO orders VALUES ('torn'); COMMIT",
		"between others":            "INSERT INTO orders VALUES ('torn'); COMMIT; BEGIN",
		"a rollback behind another": "INSERT INTO orders VALUES ('torn'); ROLLBACK",
	} {
		t.Run(name, func(t *testing.T) {
			path, hooks, box := shop(t)
			var refused error
			box.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
				if err := order(ctx, tx, "first"); err != nil {
					return err
				}
				_, refused = tx.ExecContext(ctx, statement)
				return refused
			})
			ingest(t, box, "paid")
			attempts := knockertest.Drain(t, hooks)
			equal(t, "attempts", statuses(attempts), []string{"failed"})
			isError(t, statement, refused, knocker.ErrUsage)
			if found := orders(t, path); found != 0 {
				t.Errorf("%d orders are there although the attempt failed", found)
			}
		})
	}
}

func TestWhatOnlyLooksLikeItsEndIsTheHandlers(t *testing.T) {
	path, hooks, box := shop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
		for _, statement := range []string{
			"SAVEPOINT mine; INSERT INTO orders VALUES ('taken back'); ROLLBACK TO mine; RELEASE mine",
			"SAVEPOINT mine; ROLLBACK TRANSACTION TO SAVEPOINT mine; RELEASE SAVEPOINT mine",
			"CREATE TRIGGER noted AFTER INSERT ON orders BEGIN SELECT 1; SELECT 2; END",
			"INSERT INTO orders VALUES ('; COMMIT; END')",
			"CREATE TABLE \"commit\" (\"end\" TEXT); DROP TABLE \"commit\"",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	ingest(t, box, "paid")
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled"})
	if found := orders(t, path); found != 1 {
		t.Errorf("%d orders, expected 1", found)
	}
}

func TestTheTransactionItselfCannotBeEndedByALibrary(t *testing.T) {
	path, hooks, box := shop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if err := order(ctx, tx, "first"); err != nil {
			return err
		}
		own, err := tx.SQL(ctx)
		if err != nil {
			return err
		}
		if e.Type == "commits" {
			return own.Commit()
		}
		return own.Rollback()
	})
	ingest(t, box, "commits")
	ingest(t, box, "rolls back")
	attempts := knockertest.Drain(t, hooks)
	equal(t, "attempts", statuses(attempts), []string{"failed", "failed"})
	for _, attempt := range attempts {
		isError(t, "the attempt", attempt.Err, knocker.ErrUsage)
	}
	if found := orders(t, path); found != 0 {
		t.Errorf("%d orders, expected none", found)
	}
}

func TestAHandlerWhoseContextEndedIsAFailedAttempt(t *testing.T) {
	path, hooks, box := shop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
		if err := order(ctx, tx, "first"); err != nil {
			return err
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		return order(ended, tx, "second")
	})
	ingest(t, box, "paid")
	attempts := knockertest.Drain(t, hooks)
	equal(t, "attempts", statuses(attempts), []string{"failed"})
	isError(t, "the attempt", attempts[0].Err, context.Canceled)
	if found := orders(t, path); found != 0 {
		t.Errorf("%d orders, expected none", found)
	}
}

func TestTxIsOverWithItsHandler(t *testing.T) {
	path, hooks, box := shop(t)
	var kept *knocker.Tx
	var rows *sql.Rows
	goOn, used := make(chan struct{}), make(chan error, 1)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
		kept = tx
		go func() {
			<-goOn
			used <- order(context.Background(), tx, "late")
		}()
		if err := order(ctx, tx, "in time"); err != nil {
			return err
		}
		var err error
		rows, err = tx.QueryContext(ctx, "SELECT id FROM orders")
		if rows.Next() {
			return err
		}
		return errors.New("there is no order")
	})
	ingest(t, box, "paid")
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled"})
	if rows.Next() {
		t.Error("rows go on beyond the attempt")
	}
	close(goOn)
	isError(t, "a goroutine", <-used, knocker.ErrClosed)
	ctx := context.Background()
	_, err := kept.SQL(ctx)
	isError(t, "SQL", err, knocker.ErrClosed)
	_, err = kept.QueryContext(ctx, "SELECT 1")
	isError(t, "QueryContext", err, knocker.ErrClosed)
	_, err = kept.PrepareContext(ctx, "SELECT 1")
	isError(t, "PrepareContext", err, knocker.ErrClosed)
	var one int
	isError(t, "QueryRowContext", kept.QueryRowContext(ctx, "SELECT 1").Scan(&one), knocker.ErrClosed)
	if found := orders(t, path); found != 1 {
		t.Errorf("%d orders, expected 1", found)
	}
}

// Goroutines of a handler that are still at work when it returns either belong to its transaction or get an error.
func TestGoroutinesThatOutliveTheirHandlerTearNothing(t *testing.T) {
	path, hooks, box := shop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		begun := make(chan struct{}, 4)
		for range cap(begun) {
			go func() {
				for first := true; ; first = false {
					_, err := tx.ExecContext(context.Background(), "UPDATE orders SET id = id")
					if first {
						begun <- struct{}{}
					}
					if err != nil {
						return
					}
				}
			}()
		}
		for range cap(begun) {
			<-begun
		}
		return order(ctx, tx, e.Type)
	})
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		ingest(t, box, name)
	}
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled", "handled", "handled", "handled", "handled"})
	if found := orders(t, path); found != 5 {
		t.Errorf("%d orders, expected 5", found)
	}
}

func TestWritingBesideTxIsNamedAsWhatItIs(t *testing.T) {
	path, hooks, box := shop(t)
	db := must[*sql.DB](t)(sql.Open("sqlite3", "file:"+path+"?_busy_timeout=1"))
	defer func() { _ = db.Close() }()
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if e.Type == "after" {
			if err := order(ctx, tx, "tx"); err != nil {
				return err
			}
		}
		_, err := db.ExecContext(ctx, "INSERT INTO orders VALUES (?)", e.Type)
		return err
	})
	ingest(t, box, "before")
	ingest(t, box, "after")
	attempts := knockertest.Drain(t, hooks)
	equal(t, "attempts", statuses(attempts), []string{"handled", "failed"})
	isError(t, "after", attempts[1].Err, knocker.ErrBusy)
}

func TestCallsThatWouldWaitForTheirOwnLockAreRefusedAtOnce(t *testing.T) {
	for name, call := range map[string]func(context.Context, *knocker.Hooks, *knocker.Endpoint) error{
		"Ingest": func(ctx context.Context, _ *knocker.Hooks, box *knocker.Endpoint) error {
			_, err := box.Ingest(ctx, knocker.IngestFields{Valid: true}, nil)
			return err
		},
		"Receive": func(ctx context.Context, _ *knocker.Hooks, box *knocker.Endpoint) error {
			_, err := box.Receive(ctx, &knocker.WebhookRequest{})
			return err
		},
		"Requeue": func(ctx context.Context, hooks *knocker.Hooks, _ *knocker.Endpoint) error {
			_, err := hooks.Requeue(ctx, 1)
			return err
		},
		"UpdateEndpoint": func(ctx context.Context, hooks *knocker.Hooks, _ *knocker.Endpoint) error {
			return hooks.UpdateEndpoint(ctx, "inbox", knocker.Enabled(true))
		},
		"Claim": func(ctx context.Context, hooks *knocker.Hooks, _ *knocker.Endpoint) error {
			_, err := hooks.Leases("w").Claim(ctx, 1, 60e9)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, hooks, box := shop(t)
			box.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
				if err := order(ctx, tx, "tx"); err != nil {
					return err
				}
				if _, err := hooks.Stats(context.Background()); err != nil {
					t.Errorf("a read: %v", err)
				}
				return call(ctx, hooks, box)
			})
			ingest(t, box, "paid")
			attempts := knockertest.Drain(t, hooks)
			equal(t, "attempts", statuses(attempts), []string{"failed"})
			isError(t, name, attempts[0].Err, knocker.ErrUsage)
		})
	}
}

func TestAnotherFileIsAnotherLock(t *testing.T) {
	_, hooks, box := shop(t)
	_, others, away := shop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error {
		if err := order(ctx, tx, "tx"); err != nil {
			return err
		}
		_, err := away.Ingest(ctx, knocker.IngestFields{Valid: true}, nil)
		return err
	})
	ingest(t, box, "paid")
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled"})
	equal(t, "events", eventStatuses(t, others), []knocker.EventStatus{knocker.EventReceived})
}

func TestWhatAHandlerLeavesOnItsConnectionIsNotTheNextOnes(t *testing.T) {
	_, hooks, box := shop(t)
	seen := map[string]int{}
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if e.Type == "leaves" {
			_, err := tx.ExecContext(ctx, "PRAGMA case_sensitive_like = 1; PRAGMA query_only = 1; CREATE TEMP TABLE left (id)")
			return err
		}
		for _, query := range []string{"SELECT 'a' LIKE 'A'", "SELECT query_only FROM pragma_query_only", "SELECT count(*) FROM temp.sqlite_schema"} {
			var found int
			if err := tx.QueryRowContext(ctx, query).Scan(&found); err != nil {
				return err
			}
			seen[query] = found
		}
		return nil
	})
	ingest(t, box, "leaves")
	ingest(t, box, "finds")
	knockertest.Drain(t, hooks)
	if len(seen) != 3 || seen["SELECT 'a' LIKE 'A'"] != 1 || seen["SELECT query_only FROM pragma_query_only"] != 0 || seen["SELECT count(*) FROM temp.sqlite_schema"] != 0 {
		t.Errorf("found %v", seen)
	}
}

// SQLite takes back the whole transaction there, and what is written after it would be committed by itself.
func TestNothingIsWrittenOnceTheTransactionIsLost(t *testing.T) {
	path, hooks, box := shop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		own, err := tx.SQL(ctx)
		if err != nil {
			return err
		}
		insert, err := own.Prepare("INSERT INTO orders VALUES (?)")
		if err != nil {
			return err
		}
		if err := order(ctx, tx, "first"); err != nil {
			return err
		}
		if _, err := own.Exec("INSERT OR ROLLBACK INTO orders VALUES ('first')"); err == nil {
			t.Error("the second order of that name was accepted")
		}
		_, err = own.Exec("INSERT INTO orders VALUES ('torn')")
		isError(t, "a write", err, knocker.ErrUsage)
		_, err = insert.Exec("torn by a statement")
		isError(t, "a prepared write", err, knocker.ErrUsage)
		isError(t, "a read", own.QueryRow("SELECT 1").Scan(new(int)), knocker.ErrUsage)
		return nil
	})
	for range 3 {
		ingest(t, box, "paid")
	}
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"failed", "failed", "failed"})
	if found := orders(t, path); found != 0 {
		t.Errorf("%d orders, expected none", found)
	}
}

// BEGIN IMMEDIATE takes the write lock of each attached file, and the second one of the same file is never free.
func TestAHandlerThatAttachesItsOwnFileKeepsNobodysVerdict(t *testing.T) {
	path, hooks, box := shop(t)
	execute(t, path, "CREATE TABLE parts (of_order TEXT REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED)")
	attaching := 0
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if e.Type != "attach" || e.ID < 6 {
			return orderOf(ctx, tx, e)
		}
		// The first time with others, whose commit then fails.
		if attaching++; attaching == 1 {
			if _, err := tx.ExecContext(ctx, "INSERT INTO parts VALUES ('of none')"); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "ATTACH ? AS again", path); err != nil || attaching == 1 {
			return err
		}
		return errors.New("broken")
	})
	for _, eventType := range []string{"paid", "attach", "paid", "paid", "paid", "attach"} {
		ingest(t, box, eventType)
	}
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled", "handled", "handled", "handled", "handled", "failed"})
	equal(t, "orders", ordered(t, path), []string{"1", "2", "3", "4", "5"})
}
