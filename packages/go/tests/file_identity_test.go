//go:build unix

package tests

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

func removeFile(t *testing.T, path string) {
	t.Helper()
	for _, ending := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + ending); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// replaceFile puts a new database there, as one does who starts anew.
func replaceFile(t *testing.T, path string) {
	t.Helper()
	made := filepath.Join(filepath.Dir(path), "new.db")
	execute(t, made, "PRAGMA journal_mode = DELETE", "PRAGMA user_version = 1")
	removeFile(t, path)
	if err := os.Rename(made, path); err != nil {
		t.Fatal(err)
	}
}

// eventually receives until the new file is taken: whoever puts one there may not be through with it.
func eventually(t *testing.T, endpoint *knocker.Endpoint, n int) (receipt *knocker.Receipt) {
	t.Helper()
	// Signed on a file of its own, whatever has become of this one.
	request := push(t, github(t, open(t)), n)
	until(t, "the new file is taken", func() bool {
		var err error
		receipt, err = endpoint.Receive(context.Background(), request)
		if err != nil && !errors.Is(err, knocker.ErrFileReplaced) {
			t.Fatal(err)
		}
		return err == nil
	})
	return receipt
}

func keysAt(t *testing.T, path string) string {
	t.Helper()
	var keys []string
	for event, err := range openAt(t, path).Events(context.Background(), knocker.ListEvents{}) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, event.Key)
	}
	return strings.Join(keys, " ")
}

func TestAFileThatIsRemovedIsNoticedAndAnotherOneTaken(t *testing.T) {
	log := &journal{}
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(log.logger()))
	endpoint := github(t, hooks, knocker.MaxAttempts(7))
	receive(t, endpoint, 0)
	request := push(t, endpoint, 1)
	removeFile(t, path)
	answer := httptest.NewRecorder()
	sent := httptest.NewRequest(http.MethodPost, "http://example.com/webhooks/github", strings.NewReader(string(request.Body)))
	for name, values := range request.Header {
		sent.Header[name] = values
	}
	endpoint.ServeHTTP(answer, sent)
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "5" || answer.Body.String() != "try again later" {
		t.Errorf("answered %d %q", answer.Code, answer.Body)
	}
	if !strings.Contains(log.String(), "was removed while it was open") {
		t.Errorf("the log does not say so: %s", log)
	}
	_, err := endpoint.Receive(context.Background(), request)
	isError(t, "without a file", err, knocker.ErrFileReplaced)
	// None is made where a backup may be on its way.
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = endpoint.Receive(context.Background(), request)
	isError(t, "an empty file", err, knocker.ErrFileReplaced)
	replaceFile(t, path)
	if receipt := eventually(t, endpoint, 1); receipt.Outcome != knocker.ReceiptAccepted {
		t.Error(receipt.Outcome)
	}
	if keys := keysAt(t, path); keys != "delivery-1" {
		t.Errorf("the new file has %s", keys)
	}
	for stored, err := range hooks.StoredEndpoints(context.Background()) {
		if err != nil || stored.MaxAttempts != 7 {
			t.Errorf("declared again with %d attempts, %v", stored.MaxAttempts, err)
		}
	}
}

func TestAReplacedFileIsTakenWithoutTheLogOfTheFormerOne(t *testing.T) {
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(quiet()))
	endpoint := github(t, hooks)
	receive(t, endpoint, 0)
	backup := filepath.Join(filepath.Dir(path), "backup.db")
	execute(t, path, "VACUUM INTO '"+backup+"'")
	for n := range 30 {
		receive(t, endpoint, 1+n)
	}
	request := push(t, endpoint, 40)
	// As one restores it while the app runs: the log of the former file stays, and SQLite would replay it.
	if err := os.Rename(backup, path); err != nil {
		t.Fatal(err)
	}
	_, err := endpoint.Receive(context.Background(), request)
	isError(t, "at once", err, knocker.ErrFileReplaced)
	if receipt := eventually(t, endpoint, 41); receipt.Outcome != knocker.ReceiptAccepted {
		t.Error(receipt.Outcome)
	}
	if count(t, path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") != 1 {
		t.Error("the file is damaged")
	}
	if keys := keysAt(t, path); keys != "delivery-0 delivery-41" {
		t.Errorf("the new file has %s", keys)
	}
	if aside := must[[]string](t)(filepath.Glob(path + "-wal.of-replaced-file-*")); len(aside) != 1 {
		t.Errorf("the former log is at %v", aside)
	}
}

func TestACommitIntoAFileThatIsGoneIsNotAcknowledged(t *testing.T) {
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(quiet()), knocker.BusyTimeout(patience))
	endpoint := github(t, hooks)
	receive(t, endpoint, 0)
	requests := []*knocker.WebhookRequest{push(t, endpoint, 1), push(t, endpoint, 2), push(t, endpoint, 3)}
	db := pool(t, path)
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	answers := make(chan error, len(requests))
	for _, request := range requests {
		go func() {
			_, err := endpoint.Receive(context.Background(), request)
			answers <- err
		}()
	}
	replaceFile(t, path)
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	for range requests {
		if err := waitFor(t, "everybody is answered", answers); err == nil {
			acknowledged++
		} else {
			isError(t, "who is not stored", err, knocker.ErrFileReplaced)
		}
	}
	eventually(t, endpoint, 9)
	if keys := strings.Fields(keysAt(t, path)); len(keys) != acknowledged+1 {
		t.Errorf("%d were acknowledged, and the new file has %v", acknowledged, keys)
	}
}

func TestAFileThatIsAwayIsWaitedFor(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "here")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "app.db")
	hooks := openAt(t, path, knocker.Logger(quiet()))
	endpoint := github(t, hooks)
	receive(t, endpoint, 0)
	request := push(t, endpoint, 1)
	away := folder + "-away"
	if err := os.Rename(folder, away); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, err := endpoint.Receive(context.Background(), request)
		isError(t, "without its folder", err, knocker.ErrDatabase)
	}
	if err := os.Rename(away, folder); err != nil {
		t.Fatal(err)
	}
	eventually(t, endpoint, 1)
	if keys := keysAt(t, path); keys != "delivery-0 delivery-1" {
		t.Errorf("the file has %s", keys)
	}
}

func TestWorkersGoOnInTheNewFile(t *testing.T) {
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(quiet()), knocker.BusyTimeout(patience))
	box := inbox(t, hooks)
	handled := make(chan string, 2)
	box.On("*", func(_ context.Context, _ *knocker.Tx, e *knocker.Event) error {
		handled <- e.Type
		return nil
	})
	stop := working(t, hooks, knocker.Concurrency(2))
	ingest(t, box, "first")
	if seen := waitFor(t, "the first is handled", handled); seen != "first" {
		t.Error(seen)
	}
	replaceFile(t, path)
	// Nobody of this process but the worker itself looks.
	others := openAt(t, path, knocker.BusyTimeout(patience))
	ingest(t, inbox(t, others), "second")
	if seen := waitFor(t, "the second is handled", handled); seen != "second" {
		t.Error(seen)
	}
	stop()
	equal(t, "events", eventStatuses(t, others), []knocker.EventStatus{knocker.EventHandled})
}

func TestOperatorsAndReadsSeeTheNewFile(t *testing.T) {
	path := knockertest.File(t)
	hooks := openAt(t, path, knocker.Logger(quiet()))
	endpoint := github(t, hooks)
	receive(t, endpoint, 0)
	replaceFile(t, path)
	_, err := hooks.Stats(context.Background())
	isError(t, "Stats", err, knocker.ErrFileReplaced)
	eventually(t, endpoint, 1)
	if events := must[knocker.Stats](t)(hooks.Stats(context.Background())).Events; events.Received != 1 {
		t.Errorf("%+v", events)
	}
}

func TestAPathThatLeadsNowhereIsNamed(t *testing.T) {
	noLeaks(t)
	folder := t.TempDir()
	noDatabase := filepath.Join(folder, "text.db")
	if err := os.WriteFile(noDatabase, []byte(strings.Repeat("this is no database\n", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(folder, "none")
	for path, expected := range map[string]struct {
		kind  *knocker.Error
		named string
	}{
		folder:                           {knocker.ErrIO, folder},
		filepath.Join(missing, "app.db"): {knocker.ErrIO, missing},
		noDatabase:                       {knocker.ErrCorrupt, noDatabase},
		"":                               {knocker.ErrUsage, ""},
		":memory:":                       {knocker.ErrUsage, ":memory:"},
	} {
		_, err := knocker.Open(path)
		isError(t, path, err, expected.kind)
		if err != nil && !strings.Contains(err.Error(), expected.named) {
			t.Errorf("%v does not name %s", err, expected.named)
		}
	}
}
