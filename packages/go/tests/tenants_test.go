package tests

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
)

// openMany gives the tenants of a folder of the test's own, which are closed after it. Each has an endpoint that GitHub sends to, and an inbox.
func openMany(t *testing.T, setUp func(*knocker.Hooks, string) error, options ...knocker.Option) *knocker.Tenants {
	t.Helper()
	noLeaks(t)
	return openManyAt(t, t.TempDir(), setUp, options...)
}

func openManyAt(t *testing.T, folder string, setUp func(*knocker.Hooks, string) error, options ...knocker.Option) *knocker.Tenants {
	t.Helper()
	tenants := must[*knocker.Tenants](t)(knocker.OpenMany(filepath.Join(folder, "*.db"), setUp, append([]knocker.Option{knocker.Logger(quiet())}, options...)...))
	t.Cleanup(func() {
		if err := tenants.Close(); err != nil {
			t.Error(err)
		}
	})
	return tenants
}

// receiver declares what a process that receives needs.
func receiver(hooks *knocker.Hooks, _ string) error {
	_, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets(secret))
	if err == nil {
		_, err = hooks.Endpoint("inbox")
	}
	return err
}

func create(t *testing.T, tenants *knocker.Tenants, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := tenants.Create(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
}

// with runs a function with the hooks of a tenant.
func with(t *testing.T, tenants *knocker.Tenants, tenant string, use func(*knocker.Hooks)) {
	t.Helper()
	hooks, done, err := tenants.Hooks(context.Background(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	use(hooks)
}

// endpointOf is one that the hooks have.
func endpointOf(t *testing.T, hooks *knocker.Hooks, name string) *knocker.Endpoint {
	t.Helper()
	for _, e := range hooks.Endpoints() {
		if e.Name() == name {
			return e
		}
	}
	t.Fatalf("no endpoint %s", name)
	return nil
}

// entries are the names of all that is in a folder.
func entries(t *testing.T, folder string) (names []string) {
	t.Helper()
	for _, entry := range must[[]os.DirEntry](t)(os.ReadDir(folder)) {
		names = append(names, entry.Name())
	}
	return names
}

func TestATenantIsItsFile(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	tenants := openManyAt(t, folder, receiver)
	create(t, tenants, "acme", "globex")
	equal(t, "names", must[[]string](t)(tenants.Names()), []string{"acme", "globex"})
	with(t, tenants, "acme", func(hooks *knocker.Hooks) { ingest(t, endpointOf(t, hooks, "inbox"), "a") })
	if found := count(t, filepath.Join(folder, "acme.db"), "SELECT count(*) FROM knocker_events"); found != 1 {
		t.Errorf("%d events in the file of the tenant", found)
	}
	if found := count(t, filepath.Join(folder, "globex.db"), "SELECT count(*) FROM knocker_events"); found != 0 {
		t.Errorf("%d events in the file of another tenant", found)
	}
	isError(t, "one that there is", tenants.Create(context.Background(), "acme"), knocker.ErrUsage)
}

func TestATenantMayHaveAFolderOfItsOwn(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	tenants := must[*knocker.Tenants](t)(knocker.OpenMany(filepath.Join(folder, "of-*", "app.db"), receiver, knocker.Logger(quiet())))
	defer func() { _ = tenants.Close() }()
	create(t, tenants, "acme")
	if err := os.Mkdir(filepath.Join(folder, "of-nobody"), 0o750); err != nil {
		t.Fatal(err)
	}
	equal(t, "names", must[[]string](t)(tenants.Names()), []string{"acme"})
	with(t, tenants, "acme", func(hooks *knocker.Hooks) { ingest(t, endpointOf(t, hooks, "inbox"), "a") })
	if found := count(t, filepath.Join(folder, "of-acme", "app.db"), "SELECT count(*) FROM knocker_events"); found != 1 {
		t.Errorf("%d events in the file of the tenant", found)
	}
}

func TestAFileIsOpenedAndSetUpOnceWhileItIsUsed(t *testing.T) {
	var setUps atomic.Int32
	tenants := openMany(t, func(hooks *knocker.Hooks, tenant string) error {
		setUps.Add(1)
		return receiver(hooks, tenant)
	})
	create(t, tenants, "acme")
	done := make(chan error)
	for n := range 20 {
		go func() {
			hooks, finish, err := tenants.Hooks(context.Background(), "acme")
			if err == nil {
				_, err = endpointOf(t, hooks, "inbox").Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: "a", Key: fmt.Sprint(n)}, nil)
				finish()
				finish()
			}
			done <- err
		}()
	}
	for range 20 {
		if err := waitFor(t, "it is received", done); err != nil {
			t.Error(err)
		}
	}
	if setUps.Load() != 1 {
		t.Errorf("set up %d times", setUps.Load())
	}
}

func TestWhoWaitsForASetUpIsToldInTheEndAlsoTheSetUpItself(t *testing.T) {
	ctx := context.Background()
	begun, goOn := make(chan struct{}), make(chan struct{})
	var tenants *knocker.Tenants
	tenants = openMany(t, func(hooks *knocker.Hooks, tenant string) error {
		if tenant == "acme" {
			close(begun)
			<-goOn
			return receiver(hooks, tenant)
		}
		_, _, err := tenants.Hooks(ctx, tenant)
		return err
	}, knocker.BusyTimeout(50*time.Millisecond))
	made := make(chan error, 1)
	go func() { made <- tenants.Create(ctx, "acme") }()
	waitFor(t, "it is set up", begun)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	waiting := make(chan error, 2)
	for _, ctx := range []context.Context{ctx, canceled} {
		go func() {
			_, _, err := tenants.Hooks(ctx, "acme")
			waiting <- err
		}()
	}
	for range 2 {
		if err := waitFor(t, "who waits is told", waiting); !errors.Is(err, knocker.ErrBusy) && !errors.Is(err, context.Canceled) {
			t.Errorf("a file that is being set up: %v", err)
		}
	}
	close(goOn)
	if err := waitFor(t, "it is made", made); err != nil {
		t.Error(err)
	}
	with(t, tenants, "acme", func(*knocker.Hooks) {})
	go func() { made <- tenants.Create(ctx, "itself") }()
	if err := waitFor(t, "the set-up ends", made); !errors.Is(err, knocker.ErrBusy) {
		t.Errorf("a set-up that waits for itself: %v", err)
	}
}

func TestABackupIsTakenWithoutTheLogOfTheFormerFile(t *testing.T) {
	ctx := context.Background()
	for _, seenGone := range []bool{false, true} {
		folder, backups := t.TempDir(), t.TempDir()
		other := openManyAt(t, backups, receiver)
		create(t, other, "acme")
		fill(t, other, "acme", 3)
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		tenants := openManyAt(t, folder, receiver)
		create(t, tenants, "acme")
		fill(t, tenants, "acme", 1)
		path := filepath.Join(folder, "acme.db")
		remove := func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if _, _, err := tenants.Hooks(ctx, "acme"); !errors.Is(err, knocker.ErrUnknownTenant) {
				t.Fatal(err)
			}
		}
		if seenGone {
			remove()
		}
		if err := os.Rename(filepath.Join(backups, "acme.db"), path); err != nil {
			t.Fatal(err)
		}
		received := func() (found int64) {
			with(t, tenants, "acme", func(hooks *knocker.Hooks) {
				stats, err := hooks.Stats(ctx)
				if err != nil && !errors.Is(err, knocker.ErrFileReplaced) {
					t.Fatal(err)
				}
				if err == nil {
					found = stats.Events.Received
				}
			})
			return found
		}
		until(t, "the backup is taken", func() bool { return received() == 3 })
		remove()
		create(t, tenants, "acme")
		if found := received(); found != 0 {
			t.Errorf("%d events in a new file", found)
		}
	}
}

func TestNoMoreFilesAreOpenThanMayBe(t *testing.T) {
	tenants := openMany(t, receiver, knocker.MaxOpen(2), knocker.BusyTimeout(50*time.Millisecond))
	create(t, tenants, "a", "b", "c")
	ctx := context.Background()
	first, doneFirst, err := tenants.Hooks(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	_, doneSecond, err := tenants.Hooks(ctx, "b")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = tenants.Hooks(ctx, "c")
	isError(t, "all are in use", err, knocker.ErrTooManyOpen)
	// One that is in use is nobody's to close, and several may use it.
	with(t, tenants, "a", func(hooks *knocker.Hooks) {
		if hooks != first {
			t.Error("a second set of hooks for one file")
		}
	})
	doneSecond()
	with(t, tenants, "c", func(hooks *knocker.Hooks) { ingest(t, endpointOf(t, hooks, "inbox"), "a") })
	ingest(t, endpointOf(t, first, "inbox"), "a")
	doneFirst()
	// The one that was used longest ago goes first.
	with(t, tenants, "b", func(*knocker.Hooks) {})
	_, err = first.Stats(ctx)
	isError(t, "a file that was closed for another one", err, knocker.ErrClosed)
}

func TestWhoWaitsForAPlaceGetsTheNextOne(t *testing.T) {
	tenants := openMany(t, receiver, knocker.MaxOpen(1), knocker.BusyTimeout(patience))
	create(t, tenants, "a", "b")
	hooks, done, err := tenants.Hooks(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	given := make(chan error)
	go func() {
		_, done, err := tenants.Hooks(context.Background(), "b")
		if err == nil {
			done()
		}
		given <- err
	}()
	// As long as it is used it works, whoever waits.
	for range 20 {
		ingest(t, endpointOf(t, hooks, "inbox"), "a")
	}
	select {
	case err := <-given:
		t.Fatalf("given before it was free: %v", err)
	default:
	}
	done()
	if err := waitFor(t, "the other is given", given); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err = tenants.Hooks(ctx, "a")
	isError(t, "a context that is over", err, context.Canceled)
}

func TestWhatCannotBeSetUpIsTriedAgainAndSaysWhy(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	create(t, openManyAt(t, folder, receiver), "returns", "panics")
	wrong := errors.New("its settings are missing, and its secret is s3cr3t")
	var log journal
	var isRight atomic.Bool
	tenants := openManyAt(t, folder, func(hooks *knocker.Hooks, tenant string) error {
		if isRight.Load() {
			return receiver(hooks, tenant)
		}
		if tenant == "panics" {
			panic(wrong)
		}
		return wrong
	}, knocker.Logger(log.logger()))
	address := "http://" + serve(t, tenants.Handler(func(r *http.Request) string { return strings.Split(r.URL.Path, "/")[1] }))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, tenant := range []string{"returns", "panics"} {
		_, _, err := tenants.Hooks(context.Background(), tenant)
		isError(t, tenant, err, wrong)
		if status := post(t, client, address+"/"+tenant+"/github", &knocker.WebhookRequest{Body: []byte("{}")}); status != http.StatusInternalServerError {
			t.Errorf("answered %d", status)
		}
	}
	if text := log.String(); strings.Contains(text, "s3cr3t") || !strings.Contains(text, "tenant=panics") {
		t.Errorf("the log says %s", text)
	}
	isRight.Store(true)
	with(t, tenants, "panics", func(hooks *knocker.Hooks) { ingest(t, endpointOf(t, hooks, "inbox"), "a") })
}

func TestTheHooksOfATenantAreNotOnesOwnToClose(t *testing.T) {
	tenants := openMany(t, receiver)
	create(t, tenants, "acme")
	with(t, tenants, "acme", func(hooks *knocker.Hooks) {
		isError(t, "Close", hooks.Close(), knocker.ErrUsage)
		ingest(t, endpointOf(t, hooks, "inbox"), "a")
	})
	if err := tenants.Close(); err != nil {
		t.Error(err)
	}
	_, _, err := tenants.Hooks(context.Background(), "acme")
	isError(t, "after the end", err, knocker.ErrClosed)
	isError(t, "after the end", tenants.Work(context.Background()), knocker.ErrClosed)
}

func TestAFileThatIsRemovedIsNoTenantAndOneThatComesBackIs(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	tenants := openManyAt(t, folder, receiver)
	create(t, tenants, "acme")
	with(t, tenants, "acme", func(hooks *knocker.Hooks) { ingest(t, endpointOf(t, hooks, "inbox"), "a") })
	for _, name := range entries(t, folder) {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := tenants.Hooks(context.Background(), "acme")
	isError(t, "a file that is gone", err, knocker.ErrUnknownTenant)
	equal(t, "what is there", entries(t, folder), nil)
	create(t, tenants, "acme")
	with(t, tenants, "acme", func(hooks *knocker.Hooks) {
		ingest(t, endpointOf(t, hooks, "inbox"), "a")
		if events := eventStatuses(t, hooks); len(events) != 1 {
			t.Errorf("%d events", len(events))
		}
	})
}

func TestAFileThatIsRemovedWhileItIsWaitedForIsNotMadeAgain(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	tenants := openManyAt(t, folder, receiver, knocker.MaxOpen(1), knocker.BusyTimeout(patience))
	create(t, tenants, "gone", "held")
	_, done, err := tenants.Hooks(context.Background(), "held")
	if err != nil {
		t.Fatal(err)
	}
	waited, began := make(chan error), make(chan struct{})
	go func() {
		close(began)
		_, _, err := tenants.Hooks(context.Background(), "gone")
		waited <- err
	}()
	waitFor(t, "it begins", began)
	if err := os.Remove(filepath.Join(folder, "gone.db")); err != nil {
		t.Fatal(err)
	}
	done()
	isError(t, "a file that is gone", waitFor(t, "it is told", waited), knocker.ErrUnknownTenant)
	equal(t, "what is there", slices.DeleteFunc(entries(t, folder), besideADatabase), []string{"held.db"})
}

func TestARequestIsRoutedByItsTenant(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	tenants := openManyAt(t, folder, receiver)
	create(t, tenants, "acme", "globex")
	if err := os.WriteFile(filepath.Join(filepath.Dir(folder), "outside.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(filepath.Join(filepath.Dir(folder), "outside.db")) })
	before := entries(t, folder)
	address := "http://" + serve(t, tenants.Handler(func(r *http.Request) string { return r.Header.Get("X-Tenant") }))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var signed *knocker.WebhookRequest
	with(t, tenants, "acme", func(hooks *knocker.Hooks) { signed = push(t, endpointOf(t, hooks, "github"), 1) })
	for _, one := range []struct {
		tenant, endpoint string
		status           int
	}{
		{"acme", "github", 200},
		{"acme", "nothing", 404},
		{"nobody", "github", 404},
		{"", "github", 404},
		{"../outside", "github", 404},
		{"..", "github", 404},
		{"acme.db", "github", 404},
		{"a\\b", "github", 404},
		{strings.Repeat("a", 5000), "github", 404},
	} {
		signed.Header.Set("X-Tenant", one.tenant)
		if status := post(t, client, address+"/webhooks/"+one.endpoint, signed); status != one.status {
			t.Errorf("%.20q %s: answered %d, expected %d", one.tenant, one.endpoint, status, one.status)
		}
	}
	equal(t, "the folder", slices.DeleteFunc(entries(t, folder), besideADatabase), slices.DeleteFunc(before, besideADatabase))
	with(t, tenants, "acme", func(hooks *knocker.Hooks) {
		equal(t, "events", eventStatuses(t, hooks), []knocker.EventStatus{knocker.EventReceived})
	})
	with(t, tenants, "globex", func(hooks *knocker.Hooks) { equal(t, "events", eventStatuses(t, hooks), nil) })
}

func besideADatabase(name string) bool {
	return strings.HasSuffix(name, "-wal") || strings.HasSuffix(name, "-shm")
}

func TestASenderThatTakesItsTimeKeepsNoFileOpen(t *testing.T) {
	tenants := openMany(t, receiver, knocker.MaxOpen(1), knocker.BusyTimeout(50*time.Millisecond))
	create(t, tenants, "slow", "quick")
	address := serve(t, tenants.Handler(func(r *http.Request) string { return strings.Split(r.URL.Path, "/")[1] }))
	var signed *knocker.WebhookRequest
	with(t, tenants, "quick", func(hooks *knocker.Hooks) { signed = push(t, endpointOf(t, hooks, "github"), 1) })
	slow := dial(t, address)
	head := fmt.Sprintf("POST /slow/github HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n", len(signed.Body))
	for name, values := range signed.Header {
		head += name + ": " + values[0] + "\r\n"
	}
	half := len(signed.Body) / 2
	if _, err := slow.Write([]byte(head + "\r\n" + string(signed.Body[:half]))); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	if status := post(t, client, "http://"+address+"/quick/github", signed); status != http.StatusOK {
		t.Errorf("the other one is answered %d", status)
	}
	if status, body := answerTo(t, slow, string(signed.Body[half:])); status != http.StatusOK {
		t.Errorf("the slow one is answered %d %s", status, body)
	}
}

func TestArgumentsOfOpenManyThatCannotWork(t *testing.T) {
	folder := t.TempDir()
	for name, opening := range map[string]func() error{
		"no star":     func() error { _, err := knocker.OpenMany(folder+"/a.db", receiver); return err },
		"two stars":   func() error { _, err := knocker.OpenMany(folder+"/*/*.db", receiver); return err },
		"any depth":   func() error { _, err := knocker.OpenMany(folder+"/**", receiver); return err },
		"too far up":  func() error { _, err := knocker.OpenMany(folder+"/*/a/b.db", receiver); return err },
		"write-ahead": func() error { _, err := knocker.OpenMany(folder+"/*.db-wal", receiver); return err },
		"no set-up":   func() error { _, err := knocker.OpenMany(folder+"/*.db", nil); return err },
		"none open":   func() error { _, err := knocker.OpenMany(folder+"/*.db", receiver, knocker.MaxOpen(0)); return err },
		"of Open":     func() error { _, err := knocker.Open(folder+"/a.db", knocker.MaxOpen(1)); return err },
		"of the options": func() error {
			_, err := knocker.OpenMany(folder+"/*.db", receiver, knocker.BusyTimeout(-1))
			return err
		},
	} {
		isError(t, name, opening(), knocker.ErrUsage)
	}
	tenants := openMany(t, receiver)
	isError(t, "of the worker", tenants.Work(context.Background(), knocker.Concurrency(0)), knocker.ErrUsage)
	equal(t, "the folder", entries(t, folder), nil)
}
