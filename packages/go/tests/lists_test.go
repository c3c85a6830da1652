package tests

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

func TestListsByATimePageAsTheyDoWithout(t *testing.T) {
	clock := knockertest.NewClock()
	hooks := openAt(t, filepath.Join(t.TempDir(), "app.db"), clock.Option())
	box := inbox(t, hooks)
	ctx := context.Background()
	times := map[int64]time.Time{}
	// A second each, but for a stretch in which the clock was set back. More than a page.
	for n := range int64(520) {
		if _, err := box.Ingest(ctx, knocker.IngestFields{Valid: true, Type: "order.paid", Key: strconv.FormatInt(n, 10)}, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		times[n+1] = clock.Now()
		if n == 100 {
			clock.Advance(-90 * time.Second)
		} else {
			clock.Advance(time.Second)
		}
	}
	moments := []time.Time{{}}
	for _, second := range []time.Duration{0, 9, 50, 91, 600} {
		moments = append(moments, knockertest.Start.Add(second*time.Second))
	}
	for _, since := range moments {
		for _, until := range moments {
			for _, after := range []int64{0, 7, 110} {
				for _, newestFirst := range []bool{false, true} {
					list := knocker.ListEvents{Since: since, Until: until, Page: knocker.Page{After: after, NewestFirst: newestFirst}}
					if listed, met := listedIDs(ctx, t, hooks, list), metIDs(times, list); !slices.Equal(listed, met) {
						t.Errorf("%+v: %v, want %v", list, listed, met)
					}
				}
			}
		}
	}
}

func listedIDs(ctx context.Context, t *testing.T, hooks *knocker.Hooks, list knocker.ListEvents) []int64 {
	t.Helper()
	var ids []int64
	for event, err := range hooks.Events(ctx, list) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, event.ID)
	}
	return ids
}

// metIDs are those that a walk through all of them finds.
func metIDs(times map[int64]time.Time, list knocker.ListEvents) []int64 {
	var ids []int64
	for id, at := range times {
		isBeyond := list.After == 0 || (list.NewestFirst && id < list.After) || (!list.NewestFirst && id > list.After)
		if isBeyond && !at.Before(list.Since) && (list.Until.IsZero() || at.Before(list.Until)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if list.NewestFirst {
		slices.Reverse(ids)
	}
	return ids
}
