// Code generated from extension/contract/contract.json by `make contract`. DO NOT EDIT.

package knocker

import (
	"net/http"
	"time"
)

// IngestFields: what a caller that has verified a request itself says of it.
type IngestFields struct {
	// Valid: only true creates an event.
	Valid bool

	// Type: the event's type.
	Type string

	// Key: the identity that dedupe uses; it wins over the provider's ids.
	Key string

	// Reason: why it is not valid.
	Reason Reason

	// Detail: the same in one sentence.
	Detail string

	// ProviderEventID: the provider's id of the occurrence.
	ProviderEventID string

	// ProviderDeliveryID: the provider's id of the delivery.
	ProviderDeliveryID string

	// Method: the method of the request. Default "POST".
	Method string

	// URL: its URL. Default "/".
	URL string

	// Headers: its headers.
	Headers http.Header
}

// values is what was given.
func (f IngestFields) values() map[string]any {
	given := map[string]any{}
	if f.Valid {
		given["valid"] = true
	}
	if f.Type != "" {
		given["type"] = f.Type
	}
	if f.Key != "" {
		given["key"] = f.Key
	}
	if f.Reason != "" {
		given["reason"] = f.Reason
	}
	if f.Detail != "" {
		given["detail"] = f.Detail
	}
	if f.ProviderEventID != "" {
		given["provider_event_id"] = f.ProviderEventID
	}
	if f.ProviderDeliveryID != "" {
		given["provider_delivery_id"] = f.ProviderDeliveryID
	}
	if f.Method != "" {
		given["method"] = f.Method
	}
	if f.URL != "" {
		given["url"] = f.URL
	}
	if len(f.Headers) > 0 {
		given["headers"] = f.Headers
	}
	return given
}

// BulkFilter: which events a bulk action takes, oldest first: at least one of Status, Endpoint, Type, Since and Until.
type BulkFilter struct {
	// Status: one status or several, of those that the action leaves; with Force those of waiting and running events too.
	Status []EventStatus

	// Endpoint: the endpoint.
	Endpoint string

	// Type: the type: exact, or prefix.*.
	Type string

	// Since: received at or after this time.
	Since time.Time

	// Until: received before this time.
	Until time.Time

	// Limit: events that one call takes at most. 1 to 100,000. Default 1,000.
	Limit int64

	// Force: lets Status name events that wait, or that a worker is working on: the worker finds its lease lost.
	Force bool

	// DryRun: only tell what would happen.
	DryRun bool
}

// values is what was given.
func (f BulkFilter) values() map[string]any {
	given := map[string]any{}
	if len(f.Status) > 0 {
		given["status"] = f.Status
	}
	if f.Endpoint != "" {
		given["endpoint"] = f.Endpoint
	}
	if f.Type != "" {
		given["type"] = f.Type
	}
	if !f.Since.IsZero() {
		given["since"] = f.Since.UnixMilli()
	}
	if !f.Until.IsZero() {
		given["until"] = f.Until.UnixMilli()
	}
	if f.Limit != 0 {
		given["limit"] = f.Limit
	}
	if f.Force {
		given["force"] = true
	}
	if f.DryRun {
		given["dry_run"] = true
	}
	return given
}

// PruneEventsFilter: which ended events to delete, oldest first. One of OlderThan and Before is required.
type PruneEventsFilter struct {
	// OlderThan: the last activity (ended at, or last delivery) was longer ago than this. 0 to 100,000,000,000 seconds.
	OlderThan time.Duration

	// Before: the last activity was before this time.
	Before time.Time

	// Status: one status or several; dead events go only by name. Default ["handled", "ignored"].
	Status []EventStatus

	// Endpoint: the endpoint.
	Endpoint string

	// Type: the type: exact, or prefix.*.
	Type string

	// Limit: events that one call deletes at most. 1 to 100,000. Default 1,000.
	Limit int64

	// Audits: old prune records too.
	Audits bool

	// DryRun: only tell what would happen.
	DryRun bool
}

// values is what was given.
func (f PruneEventsFilter) values() map[string]any {
	given := map[string]any{}
	if f.OlderThan != 0 {
		given["older_than_s"] = f.OlderThan.Seconds()
	}
	if !f.Before.IsZero() {
		given["before"] = f.Before.UnixMilli()
	}
	if len(f.Status) > 0 {
		given["status"] = f.Status
	}
	if f.Endpoint != "" {
		given["endpoint"] = f.Endpoint
	}
	if f.Type != "" {
		given["type"] = f.Type
	}
	if f.Limit != 0 {
		given["limit"] = f.Limit
	}
	if f.Audits {
		given["audits"] = true
	}
	if f.DryRun {
		given["dry_run"] = true
	}
	return given
}

// PruneDeliveriesFilter: which deliveries to delete, oldest first, of those that no event needs as its payload. One of OlderThan and Before
// is required.
type PruneDeliveriesFilter struct {
	// OlderThan: received longer ago than this. 0 to 100,000,000,000 seconds.
	OlderThan time.Duration

	// Before: received before this time.
	Before time.Time

	// Outcome: one outcome or several.
	Outcome []DeliveryOutcome

	// Endpoint: the endpoint.
	Endpoint string

	// Limit: deliveries that one call deletes at most. 1 to 100,000. Default 1,000.
	Limit int64

	// DryRun: only tell what would happen.
	DryRun bool
}

// values is what was given.
func (f PruneDeliveriesFilter) values() map[string]any {
	given := map[string]any{}
	if f.OlderThan != 0 {
		given["older_than_s"] = f.OlderThan.Seconds()
	}
	if !f.Before.IsZero() {
		given["before"] = f.Before.UnixMilli()
	}
	if len(f.Outcome) > 0 {
		given["outcome"] = f.Outcome
	}
	if f.Endpoint != "" {
		given["endpoint"] = f.Endpoint
	}
	if f.Limit != 0 {
		given["limit"] = f.Limit
	}
	if f.DryRun {
		given["dry_run"] = true
	}
	return given
}

// RetentionSettings: how long rows are kept. An age that is left out or nil keeps them for ever; with no age at all the policy is removed.
type RetentionSettings struct {
	// Endpoint: the endpoint; left out or nil: every one without its own policy.
	Endpoint string

	// Handled: age of handled events, since their last activity. 0 to 100,000,000,000 seconds.
	Handled time.Duration

	// Ignored: age of ignored events. 0 to 100,000,000,000 seconds.
	Ignored time.Duration

	// Dead: age of dead events. 0 to 100,000,000,000 seconds.
	Dead time.Duration

	// Deliveries: age of deliveries that no event needs. 0 to 100,000,000,000 seconds.
	Deliveries time.Duration

	// Audits: age of prune records, which belong to no endpoint: it goes without Endpoint. 0 to 100,000,000,000 seconds.
	Audits time.Duration

	// Interval: time between passes. 1 to 31,536,000 seconds. Default 3,600.
	Interval time.Duration

	// Limit: rows of a kind that one pass deletes at most, over all endpoints. 1 to 100,000. Default 1,000.
	Limit int64
}

// values is what was given.
func (f RetentionSettings) values() map[string]any {
	given := map[string]any{}
	if f.Endpoint != "" {
		given["endpoint"] = f.Endpoint
	}
	if f.Handled != 0 {
		given["handled_s"] = f.Handled.Seconds()
	}
	if f.Ignored != 0 {
		given["ignored_s"] = f.Ignored.Seconds()
	}
	if f.Dead != 0 {
		given["dead_s"] = f.Dead.Seconds()
	}
	if f.Deliveries != 0 {
		given["deliveries_s"] = f.Deliveries.Seconds()
	}
	if f.Audits != 0 {
		given["audits_s"] = f.Audits.Seconds()
	}
	if f.Interval != 0 {
		given["interval_s"] = f.Interval.Seconds()
	}
	if f.Limit != 0 {
		given["limit"] = f.Limit
	}
	return given
}

// BackoffSettings: the delay between attempts; nil stands for the default.
type BackoffSettings struct {
	// Base: delay after the first attempt. 0 to 2,592,000 seconds. Default 5.
	Base time.Duration

	// Factor: what each further attempt multiplies it by. 1 to 100. Default 4.
	Factor float64

	// Cap: the longest delay. 0 to 2,592,000 seconds. Default 21,600.
	Cap time.Duration
}

// values is what was given.
func (f BackoffSettings) values() map[string]any {
	given := map[string]any{}
	if f.Base != 0 {
		given["base_s"] = f.Base.Seconds()
	}
	if f.Factor != 0 {
		given["factor"] = f.Factor
	}
	if f.Cap != 0 {
		given["cap_s"] = f.Cap.Seconds()
	}
	return given
}
