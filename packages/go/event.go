package knocker

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Event is what a handler gets: one occurrence, with the delivery that it is handled from.
type Event struct {
	// ID is the event's.
	ID int64
	// Endpoint is the name of the endpoint that received it.
	Endpoint string
	// Type is what the provider calls it; empty where it has none.
	Type string
	// Key is the identity of the occurrence, the same however often it is delivered and unique for the endpoint; empty where it has none. What to give
	// to others is IdempotencyKey.
	Key string
	// Body is the raw body, or the event's own item of a batch.
	Body []byte
	// Attempt counts from 1.
	Attempt int
	// MaxAttempts is how many there are at most.
	MaxAttempts int
	// ReceivedAt is when its first delivery came.
	ReceivedAt time.Time
	// Delivery is the HTTP request that brought the body.
	Delivery EventDelivery
}

// EventDelivery is the request that an event's body came with. Headers that carry credentials are redacted.
type EventDelivery struct {
	ID     int64
	Method string
	URL    string
	Header http.Header
}

// IdempotencyKey is what to give to others as an idempotency key: Endpoint and Key, the same at each attempt and each replay, and after a restore. An event
// without a key has its number, its time and a hash of its body. The command's publish gives the same as a message's id.
func (e *Event) IdempotencyKey() string {
	if e.Key != "" {
		return escaped(e.Endpoint) + "/" + escaped(e.Key)
	}
	digest := sha256.Sum256(e.Body)
	return fmt.Sprintf("%s+%d.%d.%x", escaped(e.Endpoint), e.ID, e.ReceivedAt.UnixMilli(), digest[:16])
}

// escaped writes bytes that are no letter, digit, _, . or - as = and two digits, so that no two keys become one, and so that a header or a URL can hold it.
func escaped(text string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', b == '.', b == '-':
			out.WriteByte(b)
		default:
			fmt.Fprintf(&out, "=%02X", b)
		}
	}
	return out.String()
}

// JSON decodes the body into a value, as [json.Unmarshal] does.
func (e *Event) JSON(into any) error { return json.Unmarshal(e.Body, into) }
