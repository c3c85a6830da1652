package knocker_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// A file of which nothing is heard is looked at all the same, and what its policy says is pruned.
func TestRetentionRunsInFilesThatNothingHappensIn(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	clock := knockertest.NewClock()
	tenants := openTenants(t, filepath.Join(t.TempDir(), "*.db"), clock.Option())
	knocker.TourEvery(tenants, 200*time.Millisecond)
	left := func(tenant string) int64 {
		hooks, done, err := tenants.Hooks(ctx, tenant)
		check(err)
		defer done()
		stats, err := hooks.Stats(ctx)
		check(err)
		return stats.Events.Ignored
	}
	names := []string{"a", "b", "c"}
	for _, tenant := range names {
		check(tenants.Create(ctx, tenant))
		hooks, done, err := tenants.Hooks(ctx, tenant)
		check(err)
		receipt := ingestExample(hooks.Endpoints()[0], "order", "")
		_, err = hooks.Ignore(ctx, receipt.Events[0].ID, "")
		check(err)
		_, err = hooks.Retention(ctx, knocker.RetentionSettings{Ignored: time.Hour})
		check(err)
		done()
	}
	worked := make(chan error)
	go func() { worked <- tenants.Work(ctx) }()
	for _, tenant := range names {
		if left(tenant) != 1 {
			t.Errorf("%s: pruned too early", tenant)
		}
	}
	clock.Advance(2 * time.Hour)
	for _, tenant := range names {
		until(t, tenant+" is pruned", func() bool { return left(tenant) == 0 })
	}
	cancel()
	if err := <-worked; err != nil {
		t.Error(err)
	}
}
