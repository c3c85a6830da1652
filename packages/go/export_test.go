package knocker

import (
	"context"
	"time"

	"github.com/knocker/knocker-go/internal/rqlite"
)

// LimitPages has the writer of these hooks find a full disk.
func LimitPages(h *Hooks) error {
	w := h.database.writer
	// Its connection is opened by the first call.
	_, _ = w.call(context.Background(), "knocker_next_due", nil)
	return w.connection.once("PRAGMA max_page_count = 1")
}

// ExtendLeases has the workers of these hooks extend their leases now.
func ExtendLeases(h *Hooks) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.works {
		if err := w.keeper.extend(); err != nil {
			return err
		}
	}
	return nil
}

// TourEvery has the workers that begin from here on look at each tenant that often.
func TourEvery(t *Tenants, every time.Duration) { t.pauses.tour = every }

// ProblemOfAnswer is the error that a caller gets of an answer of rqlite.
func ProblemOfAnswer(answer rqlite.Answer) error {
	address, err := rqlite.ParseAddress("rqlite://a")
	if err != nil {
		return err
	}
	cluster := &rqliteCluster{nodes: rqlite.NewNodes(address)}
	return cluster.problemOf(rqlite.Outcome{Answer: answer}, nil)
}
