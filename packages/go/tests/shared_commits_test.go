package tests

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// Shared commits, where the shared data does not reach: other writers, other goroutines, a commit that fails, and the end of a worker.

func repeated(status string, times int) (all []string) {
	for range times {
		all = append(all, status)
	}
	return all
}

// backlog stores so many events of that type.
func backlog(t *testing.T, box *knocker.Endpoint, eventType string, total int) {
	t.Helper()
	for range total {
		ingest(t, box, eventType)
	}
}

// orderOf writes the order of an event.
func orderOf(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?)", e.ID)
	return err
}

// ordered are the orders in their order.
func ordered(t *testing.T, path string) (all []string) {
	t.Helper()
	db := pool(t, path)
	defer func() { _ = db.Close() }()
	rows := must[*sql.Rows](t)(db.Query("SELECT id FROM orders ORDER BY rowid"))
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	return all
}

const endedAttempts = "SELECT count(*) FROM _knocker_attempts"

func TestNoMoreThanSoManyEventsShareACommit(t *testing.T) {
	path, hooks, box, _ := stillShop(t)
	db := pool(t, path)
	defer func() { _ = db.Close() }()
	together := map[int]int{}
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		var ended int
		if err := db.QueryRow(endedAttempts).Scan(&ended); err != nil {
			return err
		}
		together[ended]++
		return orderOf(ctx, tx, e)
	})
	backlog(t, box, "paid", 200)
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), repeated("handled", 200))
	most := 0
	for _, events := range together {
		most = max(most, events)
	}
	if most != 64 || len(together) >= 12 || orders(t, path) != 200 {
		t.Errorf("commits of %v, and %d orders", together, orders(t, path))
	}
}

// As one that calls an API: others write meanwhile, and what was done before it is committed.
func TestAHandlerThatBecomesSlowBeforeItUsesTxHoldsNoLock(t *testing.T) {
	path, hooks, box := shop(t)
	slow, written := make(chan struct{}), make(chan struct{})
	ended := -1
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if e.ID == 6 {
			close(slow)
			<-written
			ended = count(t, path, endedAttempts)
		}
		return orderOf(ctx, tx, e)
	})
	backlog(t, box, "paid", 7)
	go func() {
		<-slow
		execute(t, path, "INSERT INTO orders VALUES ('another')")
		close(written)
	}()
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), repeated("handled", 7))
	if ended != 5 {
		t.Errorf("%d attempts had ended, expected 5", ended)
	}
	equal(t, "orders", ordered(t, path), []string{"1", "2", "3", "4", "5", "another", "6", "7"})
}

// A clock that stands still says nothing of how long a handler takes, and a call without the handler's context is not known as its own.
func TestACallOfNobodysContextWaitsForNoShareEither(t *testing.T) {
	for name, patience := range map[string]time.Duration{"which runs again": 0, "which waits": time.Minute} {
		t.Run(name, func(t *testing.T) {
			clock := knockertest.NewClock()
			path, hooks, box := shop(t, clock.Option(), knocker.BusyTimeout(patience))
			box.On("paid", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
				if e.ID == 6 {
					if _, err := box.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: "more", Key: "more"}, nil); err != nil {
						return err
					}
				}
				return orderOf(ctx, tx, e)
			})
			box.On("more", func(context.Context, *knocker.Tx, *knocker.Event) error { return nil })
			backlog(t, box, "paid", 7)
			equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), repeated("handled", 8))
			if found := orders(t, path); found != 7 {
				t.Errorf("%d orders, expected 7", found)
			}
		})
	}
}

func TestHandlersThatWriteElsewhereNeverRunWhileOthersHoldTheLock(t *testing.T) {
	path, hooks, box, _ := stillShop(t)
	db := must[*sql.DB](t)(sql.Open("sqlite3", "file:"+path+"?_busy_timeout=0"))
	defer func() { _ = db.Close() }()
	calls := 0
	box.On("elsewhere", func(ctx context.Context, _ *knocker.Tx, e *knocker.Event) error {
		calls++
		_, err := db.ExecContext(ctx, "INSERT INTO orders VALUES (?)", e.ID)
		return err
	})
	box.On("inside", orderOf)
	for range 20 {
		ingest(t, box, "inside")
		ingest(t, box, "elsewhere")
	}
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), repeated("handled", 40))
	if calls != 20 || orders(t, path) != 40 {
		t.Errorf("%d calls and %d orders", calls, orders(t, path))
	}
}

// One handler's mistake that only the commit finds, a foreign key that is checked then, is its own event's.
func TestACommitThatFailsMakesNothingCount(t *testing.T) {
	path, hooks, box, _ := stillShop(t)
	execute(t, path, "CREATE TABLE lines (order_id TEXT REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED)")
	calls := map[int64]int{}
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		calls[e.ID]++
		if e.ID == 5 {
			if _, err := tx.ExecContext(ctx, "INSERT INTO lines VALUES ('none')"); err != nil {
				return err
			}
		}
		return orderOf(ctx, tx, e)
	})
	backlog(t, box, "paid", 9)
	attempts := knockertest.Drain(t, hooks)
	slices.SortFunc(attempts, func(a, b knocker.Attempted) int { return int(a.EventID - b.EventID) })
	equal(t, "attempts", statuses(attempts), slices.Replace(repeated("handled", 9), 4, 5, "failed"))
	equal(t, "orders", ordered(t, path), []string{"1", "2", "3", "4", "6", "7", "8", "9"})
	if calls[4] != 2 || calls[5] != 2 || calls[7] != 2 || calls[8] != 1 {
		t.Errorf("calls %v", calls)
	}
	equal(t, "results", results(t, hooks)[:3], []knocker.AttemptResult{knocker.AttemptHandled, knocker.AttemptHandled, knocker.AttemptHandled})
}

// As on a disk that is full: the commit before an attempt finds out, and what comes after it is neither lost nor held for good.
func TestAnAttemptBehindAVerdictThatCannotBeWrittenIsCommitted(t *testing.T) {
	path, hooks, box, clock := stillShop(t)
	execute(t, path, "CREATE TRIGGER full BEFORE INSERT ON _knocker_attempts WHEN NEW.event_id = 4 BEGIN SELECT RAISE(FAIL, 'full'); END")
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error {
		// They are claimed as 1, 2 and 4. Three take longer than a transaction stays open, so the third of those comes after the commit of the two before.
		clock.Advance(15 * time.Millisecond)
		return nil
	})
	backlog(t, box, "paid", 7)
	stop := working(t, hooks)
	until(t, "the others' verdicts", func() bool {
		return count(t, path, "SELECT count(*) FROM knocker_attempts WHERE result = 'handled'") == 6
	})
	stop()
}

// SQLite takes back the whole transaction where a write in it is interrupted.
func TestAnInterruptedWriteIsItsOwnEventsFailure(t *testing.T) {
	path, hooks, box := shop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if e.ID == 6 {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			_, err := tx.ExecContext(ctx, "INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'n' || i FROM n")
			return err
		}
		return orderOf(ctx, tx, e)
	})
	backlog(t, box, "paid", 7)
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), slices.Replace(repeated("handled", 7), 5, 6, "failed"))
	equal(t, "orders", ordered(t, path), []string{"1", "2", "3", "4", "5", "7"})
}

func TestWhateverEndsAHandlerThatSharesIsItsOwnEventsFailure(t *testing.T) {
	for name, end := range map[string]func(context.Context, *knocker.Tx) error{
		"a panic":                  func(context.Context, *knocker.Tx) error { panic("no") },
		"a transaction of its own": func(ctx context.Context, tx *knocker.Tx) error { return orPanic(tx.SQL(ctx)).Commit() },
		"the worker's savepoint": func(ctx context.Context, tx *knocker.Tx) error {
			return runs(ctx, tx, "SELECT 1; RELEASE knocker_attempt")
		},
		"a transaction that begins": func(ctx context.Context, tx *knocker.Tx) error { return runs(ctx, tx, "BEGIN") },
		"a rollback and a beginning": func(ctx context.Context, tx *knocker.Tx) error {
			own := orPanic(tx.SQL(ctx))
			_, _ = own.Exec("INSERT OR ROLLBACK INTO orders VALUES ('1')")
			_, err := own.Exec("BEGIN")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, hooks, box := shop(t)
			box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
				if err := orderOf(ctx, tx, e); err != nil || e.ID != 6 {
					return err
				}
				return end(ctx, tx)
			})
			backlog(t, box, "paid", 7)
			equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), slices.Replace(repeated("handled", 7), 5, 6, "failed"))
			equal(t, "orders", ordered(t, path), []string{"1", "2", "3", "4", "5", "7"})
		})
	}
}

func orPanic[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func runs(ctx context.Context, tx *knocker.Tx, statement string) error {
	_, err := tx.ExecContext(ctx, statement)
	return err
}

func TestStoppingCommitsWhatWasDone(t *testing.T) {
	path, hooks, box := shop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if e.ID == 6 {
			go func() { _ = hooks.Close() }()
			<-hooks.Closing()
		}
		return orderOf(ctx, tx, e)
	})
	backlog(t, box, "paid", 20)
	if err := hooks.Work(context.Background()); err != nil {
		t.Fatal(err)
	}
	equal(t, "orders", ordered(t, path), []string{"1", "2", "3", "4", "5", "6"})
	for query, expected := range map[string]int{
		"SELECT count(*) FROM knocker_events WHERE status = 'handled'":                   6,
		"SELECT count(*) FROM knocker_events WHERE status = 'received' AND attempts = 0": 14,
		"SELECT count(*) FROM knocker_jobs":                                              0,
	} {
		if found := count(t, path, query); found != expected {
			t.Errorf("%s: %d, expected %d", query, found, expected)
		}
	}
}

func TestTheLimitOfADrainCommitsWhatWasDone(t *testing.T) {
	path, hooks, box := shop(t)
	box.On("*", orderOf)
	backlog(t, box, "paid", 9)
	attempts, err := hooks.Drain(context.Background(), 6)
	isError(t, "the drain", err, knocker.ErrUsage)
	equal(t, "attempts", statuses(attempts), repeated("handled", 6))
	if found := orders(t, path); found != 6 {
		t.Errorf("%d orders, expected 6", found)
	}
	equal(t, "the rest", statuses(knockertest.Drain(t, hooks)), repeated("handled", 3))
}

func TestAnotherWriterGetsItsTurnBetweenTheCommitsOfABacklog(t *testing.T) {
	path, hooks, box := shop(t, knocker.BusyTimeout(patience))
	box.On("*", orderOf)
	backlog(t, box, "paid", 300)
	written := 0
	working(t, hooks, knocker.Concurrency(2))
	for must[knocker.Stats](t)(hooks.Stats(context.Background())).Events.Handled < 300 {
		execute(t, path, "INSERT INTO orders VALUES ('another' || (SELECT count(*) FROM orders))")
		written++
	}
	if found := orders(t, path); found != 300+written {
		t.Errorf("%d orders, expected %d", found, 300+written)
	}
}

// By the clock each handler holds the lock for as long as it takes for a turn of others.
func TestOthersThatWriteGetTurnsBetweenTheCommitsOfABacklog(t *testing.T) {
	path, hooks, box, clock := stillShop(t)
	db := pool(t, path)
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	_ = must[sql.Result](t)(db.Exec("PRAGMA synchronous = OFF; CREATE TABLE notes (text TEXT)"))
	var written, most atomic.Int64
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		most.Store(max(most.Load(), written.Swap(0)))
		err := orderOf(ctx, tx, e)
		clock.Advance(60 * time.Millisecond)
		return err
	})
	backlog(t, box, "paid", 30)
	working(t, hooks)
	for orders(t, path) == 0 {
		runtime.Gosched()
	}
	written.Store(0)
	for must[knocker.Stats](t)(hooks.Stats(context.Background())).Events.Handled < 30 {
		for range 10 {
			_ = must[sql.Result](t)(db.Exec("INSERT INTO notes VALUES ('another')"))
			written.Add(1)
		}
	}
	if most.Load() < 5 {
		t.Errorf("another writer got at most %d turns between two commits", most.Load())
	}
}

func TestNothingIsToldBeforeTheCommit(t *testing.T) {
	const handled = "record=attempt_ended endpoint=inbox event_id=4 "
	log := &journal{}
	var hooks *knocker.Hooks
	var told []knocker.EventStatus
	path, hooks, box := shop(t, knockertest.NewClock().Option(), knocker.Logger(log.logger()), knocker.OnError(func(_ context.Context, err error, e *knocker.Event) {
		told = append(told, orPanic(hooks.Event(context.Background(), e.ID)).Status)
	}))
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if e.ID == 5 {
			return errors.New("broken")
		}
		if e.ID == 7 && strings.Contains(log.String(), handled) {
			t.Error("the log tells of an event before its commit")
		}
		return orderOf(ctx, tx, e)
	})
	backlog(t, box, "paid", 7)
	knockertest.Drain(t, hooks)
	equal(t, "told of", told, []knocker.EventStatus{knocker.EventFailed})
	if !strings.Contains(log.String(), handled) || orders(t, path) != 6 {
		t.Errorf("%d orders, and the log:\n%s", orders(t, path), log)
	}
}

// The commit of a verdict that asks for another attempt at once claims that attempt too.
func TestAnAttemptThatIsDueAtOnceIsNotLeftToItsLease(t *testing.T) {
	path, hooks, box, _ := stillShop(t)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		if e.ID == 3 && e.Attempt == 1 {
			return knocker.RetryAfter(0, errors.New("not yet"))
		}
		return orderOf(ctx, tx, e)
	})
	backlog(t, box, "paid", 3)
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled", "handled", "failed", "handled"})
	equal(t, "orders", ordered(t, path), []string{"1", "2", "3"})
}
