package knocker

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// Another goroutine that claims beside the commit finds the job leased still.
func TestAJobWhoseVerdictIsBeingCommittedIsNotHandedOutAgain(t *testing.T) {
	hooks, err := Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer hooks.Close()
	inbox, err := hooks.Endpoint("inbox")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := inbox.Ingest(context.Background(), IngestFields{Valid: true}, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	keeper := newLeaseKeeper(hooks.database, "worker", time.Minute, func() []string { return []string{"inbox"} }, func(lostAttempt) {})
	defer keeper.close()
	take := func() *Job {
		taken, err := keeper.take(0, func() {})
		if err != nil || taken == nil {
			t.Fatal(taken, err)
		}
		return taken
	}
	first := take()
	var second *Job
	if err := keeper.settling(map[int64]bool{first.ID: true}, func() error { second = take(); return nil }); err != nil {
		t.Fatal(err)
	}
	if second.ID == first.ID || keeper.hasReady() {
		t.Errorf("job %d was handed out beside its commit", first.ID)
	}
	if _, err := keeper.release(); err != nil {
		t.Error(err)
	}
}
