package knocker

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// receiveDurations is how long the receipts of this process took, from the call to the commit, by endpoint.
type receiveDurations struct {
	mu    sync.Mutex
	taken map[string]*taken
}

// taken is the form that the library takes.
type taken struct {
	Within [len(receiveBoundsUS) + 1]int64 `json:"within"`
	SumUS  int64                           `json:"sum_us"`
}

func (r *receiveDurations) add(endpoint string, took time.Duration) {
	us := took.Microseconds()
	at := sort.Search(len(receiveBoundsUS), func(i int) bool { return us <= receiveBoundsUS[i] })
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken == nil {
		r.taken = map[string]*taken{}
	}
	of := r.taken[endpoint]
	if of == nil {
		of = &taken{}
		r.taken[endpoint] = of
	}
	of.Within[at]++
	of.SumUS += us
}

func (r *receiveDurations) json() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.taken) == 0 {
		return "{}", nil
	}
	encoded, err := json.Marshal(r.taken)
	return string(encoded), err
}

// Metrics are all that docs/metrics.md names, as the text that Prometheus reads. [Hooks.MetricsHandler] serves it.
func (h *Hooks) Metrics(ctx context.Context) (string, error) { return h.metrics(ctx, "prometheus") }

// OpenMetrics is [Hooks.Metrics] as OpenMetrics 1.0.
func (h *Hooks) OpenMetrics(ctx context.Context) (string, error) {
	return h.metrics(ctx, "openmetrics")
}

func (h *Hooks) metrics(ctx context.Context, format string) (string, error) {
	receives, err := h.database.receives.json()
	if err != nil {
		return "", err
	}
	text, err := h.database.call(ctx, "knocker_metrics", format, receives)
	if err != nil {
		return "", err
	}
	return text.(string), nil
}

// MetricsHandler serves [Hooks.Metrics], and OpenMetrics to who asks for it: mux.Handle("GET /metrics", hooks.MetricsHandler()). It tells the names of
// your endpoints and how busy they are, so mount it where only your monitoring comes by.
func (h *Hooks) MetricsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		format, contentType := "prometheus", prometheusType
		if strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "application/openmetrics-text") {
			format, contentType = "openmetrics", openmetricsType
		}
		text, err := h.metrics(r.Context(), format)
		if err != nil {
			h.database.options.logger.Error("metrics not read", "record", "metrics_failed", "code", codeOf(err), "error", messageOf(err))
			w.Header().Set("Retry-After", retryAfter)
			plain(w, http.StatusServiceUnavailable, "try again later")
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = io.WriteString(w, text)
	})
}
