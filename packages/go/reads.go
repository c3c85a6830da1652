package knocker

import (
	"context"
	"database/sql/driver"
	"iter"
	"strconv"
	"strings"
	"time"
)

// pageSize is how many rows of a list are read at once.
const pageSize = 500

// ListEvents says which events a list has. Zero values say nothing.
type ListEvents struct {
	Status   []EventStatus
	Endpoint string
	// Type is exact, or "prefix.*".
	Type string
	Key  string
	// Since is included, Until is not: when the first delivery came.
	Since, Until time.Time
	Page
	// WithBody also reads the bodies.
	WithBody bool
}

// ListDeliveries says which deliveries a list has. Zero values say nothing.
type ListDeliveries struct {
	Outcome  []DeliveryOutcome
	Endpoint string
	// EventID names the event that they brought.
	EventID int64
	// Since is included, Until is not: when they came.
	Since, Until time.Time
	Page
	// WithBody also reads the bodies.
	WithBody bool
}

// ListAttempts says which attempts a list has. Zero values say nothing.
type ListAttempts struct {
	Result   []AttemptResult
	Endpoint string
	EventID  int64
	// Since is included, Until is not: when they ended.
	Since, Until time.Time
	Page
}

// Page says where a list begins, and how long it is. Pages are read as the list is.
type Page struct {
	// After is the id that the list goes on behind: the last one of the page before.
	After int64
	// NewestFirst turns the order around.
	NewestFirst bool
	// Limit is how many there are at most; 0 for all.
	Limit int
}

// Events lists events in the order of their ids.
func (h *Hooks) Events(ctx context.Context, list ListEvents) iter.Seq2[EventRecord, error] {
	var w where
	w.oneOf("status", texts(list.Status))
	w.equal("endpoint", list.Endpoint)
	w.ofType(list.Type)
	w.equal("key", list.Key)
	w.between("received_at", list.Since, list.Until)
	w.since, w.until = list.Since, list.Until
	return pages(ctx, h, "knocker_events", bodied(eventRecordColumns, list.WithBody), w, list.Page, eventRecordOf, func(r EventRecord) int64 { return r.ID })
}

// Deliveries lists deliveries in the order of their ids.
func (h *Hooks) Deliveries(ctx context.Context, list ListDeliveries) iter.Seq2[DeliveryRecord, error] {
	var w where
	w.oneOf("outcome", texts(list.Outcome))
	w.equal("endpoint", list.Endpoint)
	if list.EventID != 0 {
		w.add("id IN (SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = ?)", list.EventID)
	}
	w.between("received_at", list.Since, list.Until)
	return pages(ctx, h, "knocker_deliveries", bodied(deliveryRecordColumns, list.WithBody), w, list.Page, deliveryRecordOf,
		func(r DeliveryRecord) int64 { return r.ID })
}

// Attempts lists attempts in the order of their ids.
func (h *Hooks) Attempts(ctx context.Context, list ListAttempts) iter.Seq2[AttemptRecord, error] {
	var w where
	w.oneOf("result", texts(list.Result))
	w.equal("endpoint", list.Endpoint)
	if list.EventID != 0 {
		w.add("event_id = ?", list.EventID)
	}
	w.between("finished_at", list.Since, list.Until)
	return pages(ctx, h, "knocker_attempts", attemptRecordColumns, w, list.Page, attemptRecordOf, func(r AttemptRecord) int64 { return r.ID })
}

// Prunes lists the records of prunes.
func (h *Hooks) Prunes(ctx context.Context, page Page) iter.Seq2[PruneRecord, error] {
	return pages(ctx, h, "knocker_prunes", pruneRecordColumns, where{}, page, pruneRecordOf, func(r PruneRecord) int64 { return r.ID })
}

// StoredEndpoints lists the settings of every endpoint of the file, also those of other processes.
func (h *Hooks) StoredEndpoints(ctx context.Context) iter.Seq2[EndpointRecord, error] {
	return pages(ctx, h, "knocker_endpoints", endpointRecordColumns, where{}, Page{}, endpointRecordOf, func(r EndpointRecord) int64 { return r.ID })
}

// Policies lists the stored retention policies.
func (h *Hooks) Policies(ctx context.Context) iter.Seq2[PolicyRecord, error] {
	return pages(ctx, h, "knocker_policies", policyRecordColumns, where{}, Page{}, policyRecordOf, func(r PolicyRecord) int64 { return r.ID })
}

// EventDeliveries says which deliveries brought an event (deliveryID 0), or which events a delivery brought (eventID 0).
func (h *Hooks) EventDeliveries(ctx context.Context, eventID, deliveryID int64) ([]EventDeliveryRecord, error) {
	if eventID == 0 && deliveryID == 0 {
		return nil, usage("EventDeliveries: name an event or a delivery")
	}
	var w where
	if eventID != 0 {
		w.add("event_id = ?", eventID)
	}
	if deliveryID != 0 {
		w.add("delivery_id = ?", deliveryID)
	}
	found, err := h.database.rows(ctx, "SELECT "+eventDeliveryRecordColumns+" FROM knocker_event_deliveries"+w.String()+" ORDER BY event_id, delivery_id", w.values...)
	if err != nil {
		return nil, err
	}
	all := make([]EventDeliveryRecord, len(found))
	for i, row := range found {
		if all[i], err = eventDeliveryRecordOf(row); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Event reads one event with its body. Error: [ErrUnknownEvent].
func (h *Hooks) Event(ctx context.Context, id int64) (EventRecord, error) {
	found, err := h.database.rows(ctx, "SELECT "+eventRecordColumns+" FROM knocker_events WHERE id = ?", id)
	if err != nil {
		return EventRecord{}, err
	}
	if len(found) == 0 {
		return EventRecord{}, newError("unknown_event", "there is no event "+strconv.FormatInt(id, 10), nil)
	}
	return eventRecordOf(found[0])
}

// Delivery reads one delivery with its body. Error: [ErrUnknownDelivery].
func (h *Hooks) Delivery(ctx context.Context, id int64) (DeliveryRecord, error) {
	found, err := h.database.rows(ctx, "SELECT "+deliveryRecordColumns+" FROM knocker_deliveries WHERE id = ?", id)
	if err != nil {
		return DeliveryRecord{}, err
	}
	if len(found) == 0 {
		return DeliveryRecord{}, newError("unknown_delivery", "there is no delivery "+strconv.FormatInt(id, 10), nil)
	}
	return deliveryRecordOf(found[0])
}

// bodied leaves the body, which is the last column, unread where nobody asked for it.
func bodied(columns string, withBody bool) string {
	if withBody {
		return columns
	}
	return strings.TrimSuffix(columns, "body") + "NULL"
}

func texts[Text ~string](words []Text) []string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = string(word)
	}
	return all
}

// where are conditions on the rows of a list, and their values.
type where struct {
	conditions []string
	values     []driver.Value
	// Of events: page begins and ends where those of these times are.
	since, until time.Time
}

func (w *where) add(condition string, values ...driver.Value) {
	w.conditions = append(w.conditions, condition)
	w.values = append(w.values, values...)
}

func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

func (w *where) oneOf(column string, values []string) {
	if len(values) > 0 {
		w.add(column+" IN (SELECT value FROM json_each(?))", jsonText(values))
	}
}

func (w *where) ofType(pattern string) {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok && pattern != "*" {
		w.add("substr(type, 1, length(?)) = ?", prefix, prefix)
	} else if pattern != "*" {
		w.equal("type", pattern)
	}
}

func (w *where) between(column string, since, until time.Time) {
	if !since.IsZero() {
		w.add(column+" >= ?", since.UnixMilli())
	}
	if !until.IsZero() {
		w.add(column+" < ?", until.UnixMilli())
	}
}

// page gives the conditions behind a cursor. Only the first page looks for where it begins; of two conditions on that side SQLite would seek by either.
func (w *where) page(after int64, newestFirst, isFirst bool) where {
	p := where{conditions: append([]string(nil), w.conditions...), values: append([]driver.Value(nil), w.values...)}
	begin, end := w.since, w.until
	beginning, ending := "(SELECT knocker_first_event_since(?))", "(SELECT knocker_last_event_before(?))"
	beyond, back, nearest := ">", "<", "max(? + 1"
	if newestFirst {
		begin, end, beginning, ending = end, begin, ending, beginning
		beyond, back, nearest = "<", ">", "min(? - 1"
	}
	switch looks := isFirst && !begin.IsZero(); {
	case looks && after != 0:
		p.add("id "+beyond+"= "+nearest+", "+beginning+")", after, begin.UnixMilli())
	case looks:
		p.add("id "+beyond+"= "+beginning, begin.UnixMilli())
	case after != 0:
		p.add("id "+beyond+" ?", after)
	}
	if !end.IsZero() {
		p.add("id "+back+"= "+ending, end.UnixMilli())
	}
	return p
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// pages reads a list page by page, with a cursor on the id: no row is read that nobody asked for, and no statement stays open between two.
func pages[Record any](
	ctx context.Context, h *Hooks, view, columns string, conditions where, page Page, read func([]driver.Value) (Record, error), idOf func(Record) int64,
) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		order := "ASC"
		if page.NewestFirst {
			order = "DESC"
		}
		var none Record
		isFirst := true
		for left, after := page.Limit, page.After; ; {
			size := pageSize
			if page.Limit > 0 {
				size = min(size, left)
			}
			w := conditions.page(after, page.NewestFirst, isFirst)
			isFirst = false
			found, err := h.database.rows(ctx, "SELECT "+columns+" FROM "+view+w.String()+" ORDER BY id "+order+" LIMIT "+strconv.Itoa(size), w.values...)
			if err != nil {
				yield(none, err)
				return
			}
			for _, row := range found {
				record, err := read(row)
				if !yield(record, err) || err != nil {
					return
				}
				after = idOf(record)
			}
			left -= len(found)
			if len(found) < size || (page.Limit > 0 && left <= 0) {
				return
			}
		}
	}
}
