package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
	"github.com/knocker/knocker-go/tests/sqlcqueries"
)

var (
	_ sqlcqueries.DBTX = (*knocker.Tx)(nil)
	_ sqlx.Execer      = (*knocker.Tx)(nil)
)

// libraries write an order through tx, as the users of each do, and give how many there are now.
var libraries = map[string]func(context.Context, *knocker.Tx, string) (int64, error){
	"sqlc": func(ctx context.Context, tx *knocker.Tx, id string) (int64, error) {
		queries := sqlcqueries.New(tx)
		if err := queries.CreateOrder(ctx, id); err != nil {
			return 0, err
		}
		listed, err := queries.ListOrders(ctx)
		if err != nil {
			return 0, err
		}
		counted, err := queries.CountOrders(ctx)
		if int64(len(listed)) != counted {
			err = errors.Join(err, fmt.Errorf("listed %v, and counted %d", listed, counted))
		}
		return counted, err
	},
	"sqlx": func(ctx context.Context, tx *knocker.Tx, id string) (counted int64, err error) {
		own, err := tx.SQL(ctx)
		if err != nil {
			return 0, err
		}
		orders := &sqlx.Tx{Tx: own, Mapper: mapper}
		if _, err := orders.NamedExecContext(ctx, "INSERT INTO orders (id) VALUES (:id)", map[string]any{"id": id}); err != nil {
			return 0, err
		}
		var all []struct {
			ID string `db:"id"`
		}
		if err := orders.SelectContext(ctx, &all, "SELECT id FROM orders"); err != nil {
			return 0, err
		}
		err = orders.GetContext(ctx, &counted, "SELECT count(*) FROM orders")
		return counted, err
	},
	"prepared statements": func(ctx context.Context, tx *knocker.Tx, id string) (counted int64, err error) {
		insert, err := tx.PrepareContext(ctx, "INSERT INTO orders (id) VALUES (?)")
		if err != nil {
			return 0, err
		}
		if _, err := insert.ExecContext(ctx, id); err != nil {
			return 0, err
		}
		err = tx.QueryRowContext(ctx, "SELECT count(*) FROM orders").Scan(&counted)
		return counted, err
	},
}

var mapper = sqlx.NewDb(nil, "sqlite3").Mapper

func TestLibrariesWriteInTheTransactionOfTheEvent(t *testing.T) {
	for name, write := range libraries {
		t.Run(name, func(t *testing.T) {
			path, hooks, box := shop(t)
			var counted int64
			box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) (err error) {
				if counted, err = write(ctx, tx, e.Type); err != nil {
					return err
				}
				if e.Type == "taken back" {
					return errors.New("not after all")
				}
				return nil
			})
			for _, order := range []string{"kept", "taken back", "kept too"} {
				ingest(t, box, order)
			}
			equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled", "failed", "handled"})
			if found := orders(t, path); found != 2 || counted != 2 {
				t.Errorf("%d orders, and %d at last, expected 2", found, counted)
			}
		})
	}
}

// register is done once in a process, as an application does.
var register = sync.OnceValue(func() error { return knocker.Register("sqlite3_knocker") })

func TestAPoolOfTheApplicationIsShared(t *testing.T) {
	noLeaks(t)
	if err := register(); err != nil {
		t.Fatal(err)
	}
	isError(t, "registered twice", knocker.Register("sqlite3_knocker"), knocker.ErrUsage)
	db := must[*sql.DB](t)(sql.Open("sqlite3_knocker", "file:"+knockertest.File(t)+"?_journal_mode=WAL&_busy_timeout=60000"))
	defer func() { _ = db.Close() }()
	if _, err := db.Exec("CREATE TABLE orders (id TEXT UNIQUE)"); err != nil {
		t.Fatal(err)
	}
	hooks := must[*knocker.Hooks](t)(knocker.FromDB(db, knocker.Logger(quiet())))
	defer func() { _ = hooks.Close() }()
	box := inbox(t, hooks)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error { return order(ctx, tx, e.Type) })
	ingest(t, box, "through the hooks")
	// The functions are on the application's own connections, so that it can store an event in a transaction of its own.
	own := must[*sql.Tx](t)(db.Begin())
	var receipt string
	if err := own.QueryRow(`SELECT knocker_ingest('inbox', '{"valid": true, "type": "through the pool"}', '{}')`).Scan(&receipt); err != nil {
		t.Fatal(err)
	}
	if err := own.Commit(); err != nil {
		t.Fatal(err)
	}
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled", "handled"})
	// What the handlers wrote is there for the pool, which is as open as before.
	var found int
	if err := db.QueryRow("SELECT count(*) FROM orders").Scan(&found); err != nil || found != 2 {
		t.Errorf("%d orders, %v", found, err)
	}
	if err := hooks.Close(); err != nil {
		t.Error(err)
	}
	if err := db.Ping(); err != nil {
		t.Errorf("the pool was closed with the hooks: %v", err)
	}
}
