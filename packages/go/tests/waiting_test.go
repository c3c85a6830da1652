package tests

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// SQLite's own pauses have grown to a hundred milliseconds by then, and would mostly end long after the lock was free.
func TestALockThatWasWaitedForLongIsHadSoonAfterItIsFree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	hooks := openAt(t, path)
	endpoint := github(t, hooks)
	receive(t, endpoint, 0)
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	var late []time.Duration
	for n := range 5 {
		if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		request := push(t, endpoint, n+1)
		received := make(chan error, 1)
		go func() {
			_, err := endpoint.Receive(context.Background(), request)
			received <- err
		}()
		// Nobody else comes: it is the time that passes. SQLite's own looks would be after 228 and 328 milliseconds.
		select {
		case err := <-received:
			t.Fatalf("it was received while another connection held the lock: %v", err)
		case <-time.After(240*time.Millisecond + time.Duration(n)*10*time.Millisecond):
		}
		if _, err := db.Exec("ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		free := time.Now()
		if err := waitFor(t, "the receipt", received); err != nil {
			t.Fatal(err)
		}
		late = append(late, time.Since(free))
	}
	// One of five: a busy machine may have let any of the others wait.
	if slices.Min(late) > 25*time.Millisecond {
		t.Errorf("the lock was had this long after it was free: %v", late)
	}
}
