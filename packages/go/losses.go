package knocker

import (
	"log/slog"
	"sync"
	"time"
)

// lossPause: anybody can send such requests; a line a minute, endpoint and reason says as much.
const lossPause = time.Minute

// losses tells an operator of requests that were not taken: refused, too large, or beyond what is kept of refused ones.
type losses struct {
	log *slog.Logger

	mu     sync.Mutex
	next   map[string]time.Time
	untold map[string]int
}

func newLosses(log *slog.Logger) *losses {
	return &losses{log: log, next: map[string]time.Time{}, untold: map[string]int{}}
}

// tell logs what the receipt says of a refusal, with how many there were since the last line of its kind, and says whether it is one.
func (l *losses) tell(endpoint string, receipt *Receipt, span *receiving, size, maxBodyBytes int64) bool {
	kind := string(receipt.Outcome)
	what := []any{"record", "receipt_refused", "endpoint", endpoint}
	switch receipt.Outcome {
	case ReceiptAccepted, ReceiptDuplicate, ReceiptHandshake:
		return false
	case ReceiptTooLarge:
		// A provider that never retries does not send the event again.
		what = append(what, "reason", kind, "size", size, "max_body_bytes", maxBodyBytes)
	default:
		kind += " " + string(receipt.Reason)
		what = append(what, "reason", string(receipt.Reason), "detail", receipt.Detail)
	}
	l.warn(kind, append(what, "outcome", string(receipt.Outcome), "delivery_id", receipt.DeliveryID, "trace_id", span.traceID()))
	return true
}

// tellNoBytes logs that a body in chunks had none.
func (l *losses) tellNoBytes(endpoint string) {
	const detail = "chunks without a byte: none were sent, or something in front of the endpoint has read the body"
	l.warn("no_bytes", []any{"record", "receipt_refused", "endpoint", endpoint, "reason", "no_bytes", "detail", detail})
}

// warn logs one line a pause of a kind, with how many there were since the last one.
func (l *losses) warn(kind string, what []any) {
	l.mu.Lock()
	now := time.Now()
	if now.Before(l.next[kind]) {
		l.untold[kind]++
		l.mu.Unlock()
		return
	}
	l.next[kind] = now.Add(lossPause)
	untold := l.untold[kind]
	delete(l.untold, kind)
	l.mu.Unlock()
	l.log.Warn("a request was not taken", append(what, "untold", untold)...)
}
