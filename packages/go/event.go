package knocker

import (
	"encoding/json"
	"net/http"
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
	// Key is the identity of the occurrence, the same however often it is delivered and unique for the endpoint; empty where it has none. With
	// Endpoint it is what to give to others as an idempotency key.
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

// JSON decodes the body into a value, as [json.Unmarshal] does.
func (e *Event) JSON(into any) error { return json.Unmarshal(e.Body, into) }
