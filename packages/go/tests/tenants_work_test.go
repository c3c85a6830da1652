//go:build unix

package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
)

// tenantNames are so many.
func tenantNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("t%03d", i))
	}
	return names
}

// handlerFor declares the inbox with a handler.
func handlerFor(handle func(ctx context.Context, tx *knocker.Tx, tenant string, e *knocker.Event) error) func(*knocker.Hooks, string) error {
	return func(hooks *knocker.Hooks, tenant string) error {
		inbox, err := hooks.Endpoint("inbox", knocker.MaxAttempts(1000), knocker.WithBackoff(knocker.BackoffSettings{Base: time.Millisecond, Factor: 1, Cap: time.Second}))
		if err != nil {
			return err
		}
		inbox.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error { return handle(ctx, tx, tenant, e) })
		return nil
	}
}

// orderOnce stores an order for the event.
func orderOnce(ctx context.Context, tx *knocker.Tx, _ string, e *knocker.Event) error {
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (key TEXT, event_id INTEGER)"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?, ?)", e.Key, e.ID)
	return err
}

// tenantsRole works for every tenant of a folder.
func tenantsRole() error {
	ctx := untilInputEnds()
	tenants, err := knocker.OpenMany(os.Getenv("KNOCKER_TEST_FILE"), handlerFor(orderOnce), knocker.BusyTimeout(patience), knocker.Logger(quiet()), knocker.MaxOpen(4))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if err := tenants.Work(ctx, knocker.Concurrency(2), knocker.Lease(time.Second)); err != nil {
		return err
	}
	return tenants.Close()
}

// fill stores so many events for a tenant.
func fill(t *testing.T, tenants *knocker.Tenants, tenant string, events int) {
	t.Helper()
	with(t, tenants, tenant, func(hooks *knocker.Hooks) {
		inbox := endpointOf(t, hooks, "inbox")
		for n := range events {
			must[*knocker.Receipt](t)(inbox.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: "order", Key: strconv.Itoa(n)}, []byte("{}")))
		}
	})
}

// allOrderedOnce waits until every file has an order for each of its events, and no more.
func allOrderedOnce(t *testing.T, folder string, names []string, events int) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(folder, name+".db")
		until(t, name+" is handled", func() bool {
			return count(t, path, "SELECT count(*) FROM knocker_events WHERE status = 'handled'") == events
		})
		for _, query := range []string{"SELECT count(*) FROM orders", "SELECT count(DISTINCT key) FROM orders"} {
			if found := count(t, path, query); found != events {
				t.Errorf("%s: %s: %d, expected %d", name, query, found, events)
			}
		}
	}
}

func TestTheEventsOfAllTenantsAreHandledOnceByProcessesThatAreKilled(t *testing.T) {
	noLeaks(t)
	const events = 8
	folder, names := t.TempDir(), tenantNames(24)
	tenants := openManyAt(t, folder, receiver, knocker.BusyTimeout(patience))
	create(t, tenants, names...)
	pattern := filepath.Join(folder, "*.db")
	workers := []*process{start(t, "tenants", pattern), start(t, "tenants", pattern)}
	for n, name := range names {
		fill(t, tenants, name, events)
		if n%5 == 4 {
			workers[n%2].kill()
			workers[n%2] = start(t, "tenants", pattern)
		}
	}
	allOrderedOnce(t, folder, names, events)
	for _, worker := range workers {
		worker.stop()
	}
}

func TestAFileThatIsAddedWhileItRunsIsWorkedOn(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	worker := start(t, "tenants", filepath.Join(folder, "*.db"))
	tenants := openManyAt(t, folder, receiver, knocker.BusyTimeout(patience))
	for _, name := range tenantNames(3) {
		create(t, tenants, name)
		fill(t, tenants, name, 2)
		allOrderedOnce(t, folder, []string{name}, 2)
	}
	worker.stop()
}

// Every place is held by a file whose backlog has no end: each of its events leaves another one.
func TestALongBacklogKeepsNoOtherTenantWaiting(t *testing.T) {
	const places = 4
	var isOver atomic.Bool
	var mu sync.Mutex
	handled, running := map[string]int{}, map[string]int{}
	var most int
	tenants := openMany(t, handlerFor(func(ctx context.Context, tx *knocker.Tx, tenant string, e *knocker.Event) error {
		mu.Lock()
		running[tenant]++
		most = max(most, len(running))
		handled[tenant]++
		mu.Unlock()
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			if running[tenant]--; running[tenant] == 0 {
				delete(running, tenant)
			}
		}()
		if !strings.HasPrefix(tenant, "busy") || isOver.Load() {
			return nil
		}
		_, err := tx.ExecContext(ctx, `SELECT knocker_ingest('inbox', json_object('valid', json('true'), 'type', 'order', 'key', ? || '+'), x'')`, e.Key)
		return err
	}), knocker.MaxOpen(places))
	names := tenantNames(50)
	create(t, tenants, names...)
	for n := range places {
		busy := "busy" + strconv.Itoa(n)
		create(t, tenants, busy)
		fill(t, tenants, busy, 5)
	}
	stop := working(t, tenants)
	count := func(name string) int {
		mu.Lock()
		defer mu.Unlock()
		return handled[name]
	}
	until(t, "every place is busy", func() bool {
		return count("busy0") > 0 && count("busy1") > 0 && count("busy2") > 0 && count("busy3") > 0
	})
	for _, name := range names {
		fill(t, tenants, name, 1)
	}
	began := time.Now()
	for _, name := range names {
		until(t, name+" is handled", func() bool { return count(name) == 1 })
	}
	t.Logf("50 others were handled within %v", time.Since(began))
	// They have their next turn.
	before := count("busy0")
	until(t, "a long backlog goes on", func() bool { return count("busy0") > before })
	isOver.Store(true)
	stop()
	if most > places {
		t.Errorf("%d tenants were worked on at once, of which %d may be", most, places)
	}
}

func TestADamagedFileIsToldAndTheOthersGoOn(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	var log journal
	tenants := openManyAt(t, folder, handlerFor(orderOnce), knocker.Logger(log.logger()))
	create(t, tenants, "acme", "mended")
	fill(t, tenants, "mended", 1)
	_ = tenants.Close()
	damaged, kept := filepath.Join(folder, "mended.db"), filepath.Join(folder, "kept")
	if err := os.Rename(damaged, kept); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(damaged, []byte(strings.Repeat("this is no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	tenants = openManyAt(t, folder, handlerFor(orderOnce), knocker.Logger(log.logger()))
	working(t, tenants)
	until(t, "it is told", func() bool { return strings.Contains(log.String(), "record=tenant_failed tenant=mended path="+damaged) })
	if !strings.Contains(log.String(), "code=corrupt") {
		t.Error(log.String())
	}
	fill(t, tenants, "acme", 2)
	allOrderedOnce(t, folder, []string{"acme"}, 2)
	if err := os.Rename(kept, damaged); err != nil {
		t.Fatal(err)
	}
	allOrderedOnce(t, folder, []string{"mended"}, 1)
}

func TestATenantThatCannotBeSetUpIsTriedAgainAndTheOthersGoOn(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	tenants := openManyAt(t, folder, receiver)
	create(t, tenants, "acme", "wrong")
	fill(t, tenants, "acme", 2)
	fill(t, tenants, "wrong", 2)
	_ = tenants.Close()
	var log journal
	var isRight atomic.Bool
	others := openManyAt(t, folder, func(hooks *knocker.Hooks, tenant string) error {
		if tenant == "wrong" && !isRight.Load() {
			return errors.New("no settings for it, of which one is s3cr3t")
		}
		return handlerFor(orderOnce)(hooks, tenant)
	}, knocker.Logger(log.logger()))
	working(t, others)
	allOrderedOnce(t, folder, []string{"acme"}, 2)
	until(t, "it is told", func() bool { return strings.Contains(log.String(), "record=tenant_failed tenant=wrong") })
	if strings.Contains(log.String(), "s3cr3t") {
		t.Error("a secret is in the log")
	}
	isRight.Store(true)
	allOrderedOnce(t, folder, []string{"wrong"}, 2)
}

func TestAFileThatIsRemovedIsForgottenAndANewOneOfItsNameIsWorkedOn(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	var log journal
	tenants := openManyAt(t, folder, handlerFor(orderOnce), knocker.Logger(log.logger()))
	working(t, tenants)
	for round := range 2 {
		create(t, tenants, "acme")
		fill(t, tenants, "acme", round+1)
		allOrderedOnce(t, folder, []string{"acme"}, round+1)
		for _, ending := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(filepath.Join(folder, "acme.db"+ending)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		until(t, "it is closed", func() bool {
			return !slices.ContainsFunc(openFiles(t), func(path string) bool { return strings.Contains(path, "acme.db") })
		})
	}
	if strings.Contains(log.String(), "record=tenant_failed") {
		t.Error(log.String())
	}
}

func TestAFileThatTakesThePlaceOfAnotherIsWorkedOn(t *testing.T) {
	noLeaks(t)
	folder, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	tenants := openManyAt(t, folder, receiver)
	create(t, tenants, "acme", "backup")
	fill(t, tenants, "acme", 1)
	fill(t, tenants, "backup", 3)
	_ = tenants.Close()
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	rename(filepath.Join(folder, "backup.db"), kept)
	var handled atomic.Int32
	tenants = openManyAt(t, folder, handlerFor(func(ctx context.Context, tx *knocker.Tx, tenant string, e *knocker.Event) error {
		handled.Add(1)
		return orderOnce(ctx, tx, tenant, e)
	}))
	stop := working(t, tenants)
	with(t, tenants, "acme", func(*knocker.Hooks) {})
	// Nobody else opens the file meanwhile, who would take the log of the former one for its own.
	until(t, "the former one is handled", func() bool { return handled.Load() == 1 })
	rename(kept, filepath.Join(folder, "acme.db"))
	until(t, "the new one is handled", func() bool { return handled.Load() == 4 })
	stop()
	allOrderedOnce(t, folder, []string{"acme"}, 3)
}

func TestSeveralWorkersOfOneProcessEndEachForItself(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	var log journal
	tenants := openManyAt(t, folder, handlerFor(orderOnce), knocker.Logger(log.logger()))
	create(t, tenants, "acme")
	first := working(t, tenants)
	working(t, tenants)
	fill(t, tenants, "acme", 50)
	allOrderedOnce(t, folder, []string{"acme"}, 50)
	first()
	fill(t, tenants, "acme", 60)
	allOrderedOnce(t, folder, []string{"acme"}, 60)
	// Close ends the other one, in whatever it does.
	if err := tenants.Close(); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "level=ERROR") {
		t.Error(log.String())
	}
}

// openFiles are the paths of the files that this process has open, where the system tells.
func openFiles(t *testing.T) (paths []string) {
	t.Helper()
	for _, name := range entries(t, "/proc/self/fd") {
		if path, err := os.Readlink("/proc/self/fd/" + name); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

func TestATenantWithoutHandlersIsLeftToOthers(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	var opened atomic.Int32
	tenants := openManyAt(t, folder, func(hooks *knocker.Hooks, tenant string) error {
		opened.Add(1)
		if tenant == "acme" {
			return handlerFor(orderOnce)(hooks, tenant)
		}
		return receiver(hooks, tenant)
	}, knocker.MaxOpen(1))
	create(t, tenants, "acme", "other")
	fill(t, tenants, "other", 1)
	fill(t, tenants, "acme", 1)
	before := opened.Load()
	working(t, tenants)
	allOrderedOnce(t, folder, []string{"acme"}, 1)
	fill(t, tenants, "acme", 3)
	until(t, "acme is handled", func() bool {
		return count(t, filepath.Join(folder, "acme.db"), "SELECT count(*) FROM knocker_events WHERE status = 'handled'") == 3
	})
	if most := opened.Load() - before; most > 12 {
		t.Errorf("opened %d times", most)
	}
}

// What wakes it is a commit of another process.
func TestACommitOfAnotherProcessWakesAWorkerOfManyFiles(t *testing.T) {
	noLeaks(t)
	folder, names := t.TempDir(), tenantNames(40)
	began := make(chan time.Time, 1)
	tenants := openManyAt(t, folder, handlerFor(func(context.Context, *knocker.Tx, string, *knocker.Event) error {
		began <- time.Now()
		return nil
	}))
	create(t, tenants, names...)
	_ = tenants.Close()
	tenants = openManyAt(t, folder, handlerFor(func(context.Context, *knocker.Tx, string, *knocker.Event) error {
		began <- time.Now()
		return nil
	}))
	working(t, tenants, knocker.Poll(time.Hour))
	sender := start(t, "sender", folder)
	var waits []time.Duration
	for _, name := range names {
		if _, err := fmt.Fprintln(sender.input, name); err != nil {
			t.Fatal(err)
		}
		committed := time.Unix(0, must[int64](t)(strconv.ParseInt(waitFor(t, "it is committed", sender.lines), 10, 64)))
		waits = append(waits, waitFor(t, "the worker wakes", began).Sub(committed))
	}
	slices.Sort(waits)
	t.Logf("woke after %v, at most %v", waits[len(waits)/2], waits[len(waits)-1])
	sender.stop()
}
