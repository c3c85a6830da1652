// Code generated from extension/contract/contract.json by `make contract`. DO NOT EDIT.

package knocker

import (
	"database/sql/driver"
	"encoding/json"
	"net/http"
	"time"
)

// AttemptResult: how an attempt ended. A newer library may know more.
type AttemptResult string

const (
	// AttemptHandled: the handlers are done with the event.
	AttemptHandled AttemptResult = "handled"

	// AttemptFailed: it failed, and another one follows.
	AttemptFailed AttemptResult = "failed"

	// AttemptDead: it failed, and none follows.
	AttemptDead AttemptResult = "dead"

	// AttemptIgnored: the handler decided to ignore the event.
	AttemptIgnored AttemptResult = "ignored"

	// AttemptLeaseExpired: the worker let its lease run out, or died.
	AttemptLeaseExpired AttemptResult = "lease_expired"
)

// DeliveryOutcome: what became of a stored receipt. A newer library may know more.
type DeliveryOutcome string

const (
	// DeliveryAccepted: it created an event, or several.
	DeliveryAccepted DeliveryOutcome = "accepted"

	// DeliveryDuplicate: its events were there already.
	DeliveryDuplicate DeliveryOutcome = "duplicate"

	// DeliveryInvalid: it did not prove itself.
	DeliveryInvalid DeliveryOutcome = "invalid"

	// DeliveryHandshake: the provider asked whether somebody is there.
	DeliveryHandshake DeliveryOutcome = "handshake"

	// DeliveryTooLarge: its body is larger than the endpoint takes; what is kept of it is size and SHA-256.
	DeliveryTooLarge DeliveryOutcome = "too_large"

	// DeliveryDisabled: the endpoint is disabled.
	DeliveryDisabled DeliveryOutcome = "disabled"
)

// EventStatus: where an event stands. A newer library may know more.
type EventStatus string

const (
	// EventReceived: it waits for its first attempt, or for the first since it was put back.
	EventReceived EventStatus = "received"

	// EventProcessing: a worker works on it.
	EventProcessing EventStatus = "processing"

	// EventFailed: an attempt failed: it will be tried again.
	EventFailed EventStatus = "failed"

	// EventHandled: its handlers are done with it.
	EventHandled EventStatus = "handled"

	// EventDead: it will not be tried again, unless somebody puts it back.
	EventDead EventStatus = "dead"

	// EventIgnored: it is not to be handled.
	EventIgnored EventStatus = "ignored"
)

// OnRedelivery: what a duplicate does to its event. A newer library may know more.
type OnRedelivery string

const (
	// RedeliveryKeep: nothing.
	RedeliveryKeep OnRedelivery = "keep"

	// RedeliveryRequeueDead: puts a dead event back in the queue.
	RedeliveryRequeueDead OnRedelivery = "requeue_dead"
)

// PruneKind: what a prune was. A newer library may know more.
type PruneKind string

const (
	// PruneEvents: of events.
	PruneEvents PruneKind = "events"

	// PruneDeliveries: of deliveries.
	PruneDeliveries PruneKind = "deliveries"

	// PruneRetention: a pass of a retention policy that deleted something; its filter is the policy.
	PruneRetention PruneKind = "retention"
)

// Reason: why a request was refused: a closed list, stored with the delivery. A newer library may know more.
type Reason string

const (
	// ReasonMissingHeader: a header that the provider always sends is absent.
	ReasonMissingHeader Reason = "missing_header"

	// ReasonMalformedHeader: a header is there but not in the provider's form, or occurs with different values.
	ReasonMalformedHeader Reason = "malformed_header"

	// ReasonBadSignature: no secret produces this signature.
	ReasonBadSignature Reason = "bad_signature"

	// ReasonTimestampOutOfTolerance: the signed timestamp is too old, or too far in the future.
	ReasonTimestampOutOfTolerance Reason = "timestamp_out_of_tolerance"

	// ReasonMalformedBody: the body is not what the provider sends.
	ReasonMalformedBody Reason = "malformed_body"

	// ReasonNoSecret: no usable secret was given, so nothing can be verified.
	ReasonNoSecret Reason = "no_secret"

	// ReasonNotAllowed: the request proved itself but asks for something that is not allowed (method, algorithm, subscription).
	ReasonNotAllowed Reason = "not_allowed"
)

// ReceiptOutcome: what became of a receipt. A newer library may know more.
type ReceiptOutcome string

const (
	// ReceiptAccepted: it created an event, or several.
	ReceiptAccepted ReceiptOutcome = "accepted"

	// ReceiptDuplicate: its events were there already.
	ReceiptDuplicate ReceiptOutcome = "duplicate"

	// ReceiptInvalid: it did not prove itself.
	ReceiptInvalid ReceiptOutcome = "invalid"

	// ReceiptHandshake: the provider asked whether somebody is there.
	ReceiptHandshake ReceiptOutcome = "handshake"

	// ReceiptTooLarge: its body is larger than the endpoint takes; what is kept of it is size and SHA-256.
	ReceiptTooLarge ReceiptOutcome = "too_large"

	// ReceiptDisabled: the endpoint is disabled.
	ReceiptDisabled ReceiptOutcome = "disabled"

	// ReceiptLimited: it was only counted, since the endpoint keeps as many refused receipts as it may.
	ReceiptLimited ReceiptOutcome = "limited"
)

// Unhandled: what becomes of an event that no handler wants. A newer library may know more.
type Unhandled string

const (
	// UnhandledRetry: a failed attempt with the reason NoHandler: another process, of a newer version perhaps, may have the handler.
	UnhandledRetry Unhandled = "retry"

	// UnhandledDead: dead with the reason NoHandler, so that somebody looks.
	UnhandledDead Unhandled = "dead"

	// UnhandledIgnore: ignored.
	UnhandledIgnore Unhandled = "ignore"
)

// VerdictKind: what a verified request is. A newer library may know more.
type VerdictKind string

const (
	// VerdictDelivery: it brings events.
	VerdictDelivery VerdictKind = "delivery"

	// VerdictHandshake: the provider asks whether somebody is there.
	VerdictHandshake VerdictKind = "handshake"
)

// AttemptRecord: one attempt at an event.
type AttemptRecord struct {
	// ID: grows, and is never used again.
	ID int64

	// EventID: the event.
	EventID int64

	// Endpoint: the name of its endpoint.
	Endpoint string

	// DeliveryID: the delivery whose body the handlers got.
	DeliveryID int64

	// Attempt: its number, from 1.
	Attempt int64

	// Result: how it ended.
	Result AttemptResult

	// Error: what went wrong, or why the event was ignored.
	Error string

	// Worker: the name of the worker.
	Worker string

	// Duration: how long it took; nil where the worker did not say.
	Duration *time.Duration

	// FinishedAt: when it ended.
	FinishedAt time.Time
}

const attemptRecordColumns = "id, event_id, endpoint, delivery_id, attempt, result, error, worker, duration_ms, finished_at"

// attemptRecordOf reads a row of knocker_attempts.
func attemptRecordOf(row []driver.Value) (read AttemptRecord, err error) {
	read.ID = integer(row[0])
	read.EventID = integer(row[1])
	read.Endpoint = text(row[2])
	read.DeliveryID = integer(row[3])
	read.Attempt = integer(row[4])
	read.Result = AttemptResult(text(row[5]))
	read.Error = text(row[6])
	read.Worker = text(row[7])
	read.Duration = optionalDuration(row[8], time.Millisecond)
	read.FinishedAt = moment(row[9])
	return read, nil
}

// Backoff: exponential backoff: Base × Factorⁿ⁻¹ after attempt n, at most Cap, and then ±10 % of jitter.
type Backoff struct {
	// Base: delay after the first attempt, in seconds.
	Base time.Duration

	// Factor: what each further attempt multiplies it by.
	Factor float64

	// Cap: the longest delay, in seconds.
	Cap time.Duration
}

// UnmarshalJSON reads what the library gives; what it does not know is passed over.
func (r *Backoff) UnmarshalJSON(data []byte) error {
	var raw struct {
		Base *float64 `json:"base_s"`

		Factor float64 `json:"factor"`

		Cap *float64 `json:"cap_s"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	r.Base = durationOf(raw.Base, time.Second)
	r.Factor = raw.Factor
	r.Cap = durationOf(raw.Cap, time.Second)
	return nil
}

// BulkResult: how many events a bulk action found and changed.
type BulkResult struct {
	// Matched: events that met the filter, within its limit.
	Matched int64 `json:"matched"`

	// Changed: events that the action changed.
	Changed int64 `json:"changed"`

	// More: whether more events meet the filter than its limit let through.
	More bool `json:"more"`

	// DryRun: whether this only told what would happen.
	DryRun bool `json:"dry_run"`
}

// DeliveryRecord: one HTTP receipt, valid or not.
type DeliveryRecord struct {
	// ID: grows, and is never used again.
	ID int64

	// Endpoint: the name of its endpoint.
	Endpoint string

	// Outcome: what became of it.
	Outcome DeliveryOutcome

	// EventID: the first of its events that still exists.
	EventID int64

	// Reason: why it was refused.
	Reason Reason

	// Detail: the same in one sentence.
	Detail string

	// ProviderEventID: the provider's id of the occurrence, where the caller of trusted ingress said it.
	ProviderEventID string

	// ProviderDeliveryID: the provider's id of the delivery, where the caller of trusted ingress said it.
	ProviderDeliveryID string

	// Method: the method, in capitals as sent.
	Method string

	// URL: the URL, credentials replaced.
	URL string

	// Headers: the headers, credentials replaced.
	Headers http.Header

	// BodySize: the size of the body.
	BodySize int64

	// BodySHA256: the digest of a body that is not stored.
	BodySHA256 string

	// ReceivedAt: when it came.
	ReceivedAt time.Time

	// Body: the raw bytes, where they are kept.
	Body []byte
}

const deliveryRecordColumns = "id, endpoint, outcome, event_id, reason, detail, provider_event_id, provider_delivery_id, method, url, headers, body_size, body_sha256, received_at, body"

// deliveryRecordOf reads a row of knocker_deliveries.
func deliveryRecordOf(row []driver.Value) (read DeliveryRecord, err error) {
	read.ID = integer(row[0])
	read.Endpoint = text(row[1])
	read.Outcome = DeliveryOutcome(text(row[2]))
	read.EventID = integer(row[3])
	read.Reason = Reason(text(row[4]))
	read.Detail = text(row[5])
	read.ProviderEventID = text(row[6])
	read.ProviderDeliveryID = text(row[7])
	read.Method = text(row[8])
	read.URL = text(row[9])
	read.BodySize = integer(row[11])
	read.BodySHA256 = text(row[12])
	read.ReceivedAt = moment(row[13])
	read.Body = blob(row[14])
	if read.Headers, err = headerOf(text(row[10])); err != nil {
		return read, err
	}
	return read, nil
}

// EndpointRecord: the stored settings of an endpoint.
type EndpointRecord struct {
	// ID: its id.
	ID int64

	// Name: its name.
	Name string

	// Provider: the name of its provider; nil where it takes trusted ingress only.
	Provider string

	// Options: options of the provider.
	Options map[string]any

	// Enabled: whether receipts are taken.
	Enabled bool

	// MaxAttempts: attempts before an event is dead.
	MaxAttempts int64

	// Backoff: the delay between attempts.
	Backoff Backoff

	// MaxBodyBytes: larger bodies are refused before verification.
	MaxBodyBytes int64

	// Unhandled: what becomes of an event that no handler wants.
	Unhandled Unhandled

	// OnRedelivery: what a duplicate does to its event.
	OnRedelivery OnRedelivery

	// InvalidPerHour: refused receipts that are stored in any hour.
	InvalidPerHour int64

	// MaxRefused: refused deliveries that are kept in all.
	MaxRefused int64

	// MaxRefusedBytes: bytes that they take at most.
	MaxRefusedBytes int64

	// MaxBatchEvents: events that one delivery creates at most.
	MaxBatchEvents int64

	// CreatedAt: when it was created.
	CreatedAt time.Time

	// UpdatedAt: when its settings were changed last.
	UpdatedAt time.Time
}

const endpointRecordColumns = "id, name, provider, options, enabled, max_attempts, backoff, max_body_bytes, unhandled, on_redelivery, invalid_per_hour, max_refused, max_refused_bytes, max_batch_events, created_at, updated_at"

// endpointRecordOf reads a row of knocker_endpoints.
func endpointRecordOf(row []driver.Value) (read EndpointRecord, err error) {
	read.ID = integer(row[0])
	read.Name = text(row[1])
	read.Provider = text(row[2])
	read.Enabled = boolean(row[4])
	read.MaxAttempts = integer(row[5])
	read.MaxBodyBytes = integer(row[7])
	read.Unhandled = Unhandled(text(row[8]))
	read.OnRedelivery = OnRedelivery(text(row[9]))
	read.InvalidPerHour = integer(row[10])
	read.MaxRefused = integer(row[11])
	read.MaxRefusedBytes = integer(row[12])
	read.MaxBatchEvents = integer(row[13])
	read.CreatedAt = moment(row[14])
	read.UpdatedAt = moment(row[15])
	if err := readJSON(row[3], &read.Options); err != nil {
		return read, err
	}
	if err := readJSON(row[6], &read.Backoff); err != nil {
		return read, err
	}
	return read, nil
}

// EventCounts: events by status.
type EventCounts struct {
	// Received: waiting for their first attempt.
	Received int64 `json:"received"`

	// Processing: being worked on.
	Processing int64 `json:"processing"`

	// Failed: waiting for another attempt.
	Failed int64 `json:"failed"`

	// Handled: done with.
	Handled int64 `json:"handled"`

	// Dead: without further attempts.
	Dead int64 `json:"dead"`

	// Ignored: not to be handled.
	Ignored int64 `json:"ignored"`
}

// LastHour: what happened in the last hour, or in one minute of it.
type LastHour struct {
	// Receipts: HTTP receipts, refused ones included.
	Receipts int64 `json:"receipts"`

	// Refused: receipts without an event: invalid, too large, disabled, limited, and handshakes.
	Refused int64 `json:"refused"`

	// Failures: failed attempts.
	Failures int64 `json:"failures"`
}

// RefusedKept: what an endpoint keeps of refused deliveries, of which strangers can send as many as they like.
type RefusedKept struct {
	// Kept: rows.
	Kept int64 `json:"kept"`

	// Bytes: bytes of their columns.
	Bytes int64 `json:"bytes"`

	// Full: whether a bound is reached, so that further ones are only counted: prune, or set a retention policy.
	Full bool `json:"full"`
}

// EndpointStats: the figures of one endpoint.
type EndpointStats struct {
	// Endpoint: its name.
	Endpoint string

	// Provider: its provider.
	Provider string

	// Enabled: whether it takes receipts.
	Enabled bool

	// Events: events by status.
	Events EventCounts

	// OldestWaiting: how long the longest-waiting due job has been due, in milliseconds.
	OldestWaiting *time.Duration

	// LastHour: what happened in the last hour.
	LastHour LastHour

	// Refused: what is kept of refused deliveries.
	Refused RefusedKept
}

// UnmarshalJSON reads what the library gives; what it does not know is passed over.
func (r *EndpointStats) UnmarshalJSON(data []byte) error {
	var raw struct {
		Endpoint string `json:"endpoint"`

		Provider string `json:"provider"`

		Enabled bool `json:"enabled"`

		Events EventCounts `json:"events"`

		OldestWaiting *float64 `json:"oldest_waiting_ms"`

		LastHour LastHour `json:"last_hour"`

		Refused RefusedKept `json:"refused"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	r.Endpoint = raw.Endpoint
	r.Provider = raw.Provider
	r.Enabled = raw.Enabled
	r.Events = raw.Events
	r.OldestWaiting = optionalDurationOf(raw.OldestWaiting, time.Millisecond)
	r.LastHour = raw.LastHour
	r.Refused = raw.Refused
	return nil
}

// EventDeliveryRecord: that a delivery brought an event.
type EventDeliveryRecord struct {
	// EventID: the event.
	EventID int64

	// DeliveryID: the delivery.
	DeliveryID int64

	// Duplicate: false for the delivery that created the event, true for a repeat.
	Duplicate bool
}

const eventDeliveryRecordColumns = "event_id, delivery_id, duplicate"

// eventDeliveryRecordOf reads a row of knocker_event_deliveries.
func eventDeliveryRecordOf(row []driver.Value) (read EventDeliveryRecord, err error) {
	read.EventID = integer(row[0])
	read.DeliveryID = integer(row[1])
	read.Duplicate = boolean(row[2])
	return read, nil
}

// EventRecord: an event: what the business logic handles once.
type EventRecord struct {
	// ID: grows, and is never used again.
	ID int64

	// Endpoint: the name of its endpoint.
	Endpoint string

	// Type: the type in the provider's own spelling.
	Type string

	// Key: the identity that dedupe uses; nil where the event is always new.
	Key string

	// Status: where it stands.
	Status EventStatus

	// Attempts: attempts that count, since it was received or put back.
	Attempts int64

	// MaxAttempts: attempts before it is dead.
	MaxAttempts int64

	// Reason: why it is failed, dead or ignored.
	Reason string

	// DeliveryID: the delivery whose body it has.
	DeliveryID int64

	// Deliveries: how often it was delivered.
	Deliveries int64

	// ReceivedAt: when its first delivery came.
	ReceivedAt time.Time

	// LastDeliveryAt: when its last one came.
	LastDeliveryAt time.Time

	// NextAttemptAt: when the next attempt is due; nil where none waits.
	NextAttemptAt time.Time

	// EndedAt: when it was handled or ignored, or died.
	EndedAt time.Time

	// Body: its payload: the whole body, or its own item of a batch.
	Body []byte
}

const eventRecordColumns = "id, endpoint, type, key, status, attempts, max_attempts, reason, delivery_id, deliveries, received_at, last_delivery_at, next_attempt_at, ended_at, body"

// eventRecordOf reads a row of knocker_events.
func eventRecordOf(row []driver.Value) (read EventRecord, err error) {
	read.ID = integer(row[0])
	read.Endpoint = text(row[1])
	read.Type = text(row[2])
	read.Key = text(row[3])
	read.Status = EventStatus(text(row[4]))
	read.Attempts = integer(row[5])
	read.MaxAttempts = integer(row[6])
	read.Reason = text(row[7])
	read.DeliveryID = integer(row[8])
	read.Deliveries = integer(row[9])
	read.ReceivedAt = moment(row[10])
	read.LastDeliveryAt = moment(row[11])
	read.NextAttemptAt = moment(row[12])
	read.EndedAt = moment(row[13])
	read.Body = blob(row[14])
	return read, nil
}

// Failure: what a failed attempt left behind.
type Failure struct {
	// Status: failed, Dead or Ignored.
	Status EventStatus

	// NextAttemptAt: when the next attempt is due, in Unix milliseconds.
	NextAttemptAt time.Time
}

// UnmarshalJSON reads what the library gives; what it does not know is passed over.
func (r *Failure) UnmarshalJSON(data []byte) error {
	var raw struct {
		Status EventStatus `json:"status"`

		NextAttemptAt *int64 `json:"next_attempt_at"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	r.Status = raw.Status
	r.NextAttemptAt = momentOf(raw.NextAttemptAt)
	return nil
}

// Item: one occurrence in a request: the whole of it, or one item of a batch.
type Item struct {
	// Type: the type in the provider's own spelling.
	Type string `json:"type"`

	// Key: the identity that dedupe uses: what stays the same when the sender retries and differs between two occurrences. Null where the
	// event is always new.
	Key string `json:"key"`
}

// RetentionPolicy: how long rows are kept. An age of nil keeps them for ever.
type RetentionPolicy struct {
	// Endpoint: the endpoint; nil for every one without its own policy.
	Endpoint string

	// Handled: age of handled events, in seconds since their last activity.
	Handled time.Duration

	// Ignored: age of ignored events.
	Ignored time.Duration

	// Dead: age of dead events.
	Dead time.Duration

	// Deliveries: age of deliveries that no event needs.
	Deliveries time.Duration

	// Audits: age of prune records.
	Audits time.Duration

	// Interval: seconds between passes.
	Interval time.Duration

	// Limit: rows of a kind that one pass deletes at most.
	Limit int64
}

// UnmarshalJSON reads what the library gives; what it does not know is passed over.
func (r *RetentionPolicy) UnmarshalJSON(data []byte) error {
	var raw struct {
		Endpoint string `json:"endpoint"`

		Handled *float64 `json:"handled_s"`

		Ignored *float64 `json:"ignored_s"`

		Dead *float64 `json:"dead_s"`

		Deliveries *float64 `json:"deliveries_s"`

		Audits *float64 `json:"audits_s"`

		Interval *float64 `json:"interval_s"`

		Limit int64 `json:"limit"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	r.Endpoint = raw.Endpoint
	r.Handled = durationOf(raw.Handled, time.Second)
	r.Ignored = durationOf(raw.Ignored, time.Second)
	r.Dead = durationOf(raw.Dead, time.Second)
	r.Deliveries = durationOf(raw.Deliveries, time.Second)
	r.Audits = durationOf(raw.Audits, time.Second)
	r.Interval = durationOf(raw.Interval, time.Second)
	r.Limit = raw.Limit
	return nil
}

// PolicyRecord: a stored retention policy.
type PolicyRecord struct {
	// ID: the id of the endpoint, 0 for the policy of every other one.
	ID int64

	// Endpoint: the name of the endpoint; nil for the policy of every endpoint without its own.
	Endpoint string

	// Policy: what it says.
	Policy RetentionPolicy

	// NextRunAt: when its next pass is due.
	NextRunAt time.Time
}

const policyRecordColumns = "id, endpoint, policy, next_run_at"

// policyRecordOf reads a row of knocker_policies.
func policyRecordOf(row []driver.Value) (read PolicyRecord, err error) {
	read.ID = integer(row[0])
	read.Endpoint = text(row[1])
	read.NextRunAt = moment(row[3])
	if err := readJSON(row[2], &read.Policy); err != nil {
		return read, err
	}
	return read, nil
}

// PruneRecord: the record of one prune: what was asked for, and how many rows it deleted.
type PruneRecord struct {
	// ID: its id.
	ID int64

	// Kind: what was pruned.
	Kind PruneKind

	// Filter: what was asked for.
	Filter map[string]any

	// Events: events that went.
	Events int64

	// Deliveries: deliveries that went.
	Deliveries int64

	// Attempts: attempts that went.
	Attempts int64

	// Audits: records of earlier prunes that went.
	Audits int64

	// PrunedAt: when.
	PrunedAt time.Time
}

const pruneRecordColumns = "id, kind, filter, events, deliveries, attempts, audits, pruned_at"

// pruneRecordOf reads a row of knocker_prunes.
func pruneRecordOf(row []driver.Value) (read PruneRecord, err error) {
	read.ID = integer(row[0])
	read.Kind = PruneKind(text(row[1]))
	read.Events = integer(row[3])
	read.Deliveries = integer(row[4])
	read.Attempts = integer(row[5])
	read.Audits = integer(row[6])
	read.PrunedAt = moment(row[7])
	if err := readJSON(row[2], &read.Filter); err != nil {
		return read, err
	}
	return read, nil
}

// PruneResult: the result of one prune.
type PruneResult struct {
	// PruneID: the id of its record; nil for a dry run.
	PruneID int64 `json:"prune_id"`

	// Events: events that went, or would go.
	Events int64 `json:"events"`

	// Deliveries: deliveries that went, or would go.
	Deliveries int64 `json:"deliveries"`

	// Attempts: attempts that went, or would go.
	Attempts int64 `json:"attempts"`

	// Audits: records of earlier prunes that went, or would go.
	Audits int64 `json:"audits"`

	// More: whether the limit left more to prune.
	More bool `json:"more"`

	// DryRun: whether this only told what would happen.
	DryRun bool `json:"dry_run"`
}

// ReceivedEvent: an event of a receipt.
type ReceivedEvent struct {
	// ID: its id.
	ID int64 `json:"id"`

	// Duplicate: whether it was there before.
	Duplicate bool `json:"duplicate"`
}

// WebhookResponse: an HTTP response that an adapter sends as it is.
type WebhookResponse struct {
	// Status: the status code.
	Status int64 `json:"status"`

	// Headers: header names in lower case, with their values.
	Headers map[string]string `json:"headers"`

	// Body: the body.
	Body string `json:"body"`
}

// Receipt: what became of one HTTP request: committed when you see it.
type Receipt struct {
	// DeliveryID: the stored delivery; nil where the limit on refused receipts left only a count, or the provider never sends with the
	// request's method.
	DeliveryID int64 `json:"delivery_id"`

	// Outcome: what became of it.
	Outcome ReceiptOutcome `json:"outcome"`

	// EventID: the first of Events.
	EventID int64 `json:"event_id"`

	// Events: the events that this delivery created or repeated, in the order of the body.
	Events []ReceivedEvent `json:"events"`

	// Reason: why it was refused.
	Reason Reason `json:"reason"`

	// Detail: the same in one sentence.
	Detail string `json:"detail"`

	// Response: what to answer.
	Response WebhookResponse `json:"response"`
}

// ReplayedDelivery: what ReplayDelivery put back.
type ReplayedDelivery struct {
	// DeliveryID: the delivery.
	DeliveryID int64 `json:"delivery_id"`

	// EventIDs: its events, each queued again with this delivery's body.
	EventIDs []int64 `json:"event_ids"`
}

// RetentionPass: what a pass did.
type RetentionPass struct {
	// Ran: whether a pass was due.
	Ran bool `json:"ran"`

	// Events: events that went, or would go.
	Events int64 `json:"events"`

	// Deliveries: deliveries that went, or would go.
	Deliveries int64 `json:"deliveries"`

	// Attempts: attempts that went, or would go.
	Attempts int64 `json:"attempts"`

	// Audits: records of earlier prunes that went, or would go.
	Audits int64 `json:"audits"`

	// More: whether the limit left more, so that another pass is due at once.
	More bool `json:"more"`
}

// Stats: the figures of a database.
type Stats struct {
	// Endpoints: by endpoint, in the order of creation.
	Endpoints []EndpointStats

	// Events: events by status over all endpoints.
	Events EventCounts

	// OldestWaiting: the longest over all endpoints.
	OldestWaiting *time.Duration

	// LastHour: the sum over all endpoints.
	LastHour LastHour

	// DatabaseBytes: size of the database file, in bytes.
	DatabaseBytes int64
}

// UnmarshalJSON reads what the library gives; what it does not know is passed over.
func (r *Stats) UnmarshalJSON(data []byte) error {
	var raw struct {
		Endpoints []EndpointStats `json:"endpoints"`

		Events EventCounts `json:"events"`

		OldestWaiting *float64 `json:"oldest_waiting_ms"`

		LastHour LastHour `json:"last_hour"`

		DatabaseBytes int64 `json:"database_bytes"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	r.Endpoints = raw.Endpoints
	r.Events = raw.Events
	r.OldestWaiting = optionalDurationOf(raw.OldestWaiting, time.Millisecond)
	r.LastHour = raw.LastHour
	r.DatabaseBytes = raw.DatabaseBytes
	return nil
}

// Transition: what became of the event.
type Transition struct {
	// EventID: the event.
	EventID int64 `json:"event_id"`

	// Status: its status now.
	Status EventStatus `json:"status"`

	// Changed: whether anything changed.
	Changed bool `json:"changed"`
}

// Verdict: whether a request is what it claims to be.
type Verdict struct {
	// Valid: whether it proved itself.
	Valid bool `json:"valid"`

	// Kind: what it is; nil where it was refused.
	Kind VerdictKind `json:"kind"`

	// Reason: why it was refused.
	Reason Reason `json:"reason"`

	// Detail: the same in one sentence.
	Detail string `json:"detail"`

	// Items: one for a single event, several for a batch, none for a handshake or a refusal.
	Items []Item `json:"items"`

	// Response: what the provider expects as the answer.
	Response WebhookResponse `json:"response"`
}
