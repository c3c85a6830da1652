package knocker_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
	"github.com/knocker/knocker-go/knockertest"
)

// TestLifecycleOnRqlite runs the scenarios of the data through real nodes of rqlite, on tables that are empty before each.
func TestLifecycleOnRqlite(t *testing.T) {
	cluster := conformance.Rqlite(t)
	ran := playLifecycle(t, func(t *testing.T) (*knocker.Hooks, *knockertest.Clock) {
		cluster.Ask(http.MethodPost, "/wipe", nil)
		clock := knockertest.NewClock()
		hooks, err := knocker.Open(cluster.URL, clock.Option(), knocker.BusyTimeout(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = hooks.Close()
			var tables struct {
				Rows      int      `json:"rows"`
				Differing []string `json:"differing"`
			}
			if cluster.Ask(http.MethodGet, "/tables", &tables); tables.Rows == 0 || len(tables.Differing) > 0 {
				t.Errorf("the nodes differ: %+v", tables)
			}
		})
		return hooks, clock
	})
	if ran < 100 {
		t.Errorf("only %d scenarios ran", ran)
	}
}
