package knocker_test

import (
	"encoding/json"
	"time"

	"github.com/knocker/knocker-go"
)

// oneOrMore is a word of the data, or a list of them.
type oneOrMore[Word ~string] []Word

func (o *oneOrMore[Word]) UnmarshalJSON(data []byte) error {
	var one Word
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMore[Word]{one}
		return nil
	}
	return json.Unmarshal(data, (*[]Word)(o))
}

type ms int64

func (m *ms) time() time.Time {
	if m == nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(*m))
}

type bulkFilter struct {
	Status   oneOrMore[knocker.EventStatus] `json:"status"`
	Endpoint string                         `json:"endpoint"`
	Type     string                         `json:"type"`
	Since    *ms                            `json:"since"`
	Until    *ms                            `json:"until"`
	Limit    limit                          `json:"limit"`
	Force    bool                           `json:"force"`
	DryRun   bool                           `json:"dry_run"`
}

func (f bulkFilter) typed() knocker.BulkFilter {
	return knocker.BulkFilter{
		Status: f.Status, Endpoint: f.Endpoint, Type: f.Type, Since: f.Since.time(), Until: f.Until.time(), Limit: int64(f.Limit), Force: f.Force, DryRun: f.DryRun,
	}
}

type pruneEvents struct {
	OlderThanS *float64                       `json:"older_than_s"`
	Before     *ms                            `json:"before"`
	Status     oneOrMore[knocker.EventStatus] `json:"status"`
	Endpoint   string                         `json:"endpoint"`
	Type       string                         `json:"type"`
	Limit      limit                          `json:"limit"`
	Audits     bool                           `json:"audits"`
	DryRun     bool                           `json:"dry_run"`
}

func (f pruneEvents) typed(now time.Time) knocker.PruneEventsFilter {
	return knocker.PruneEventsFilter{
		OlderThan: inSeconds(f.OlderThanS), Before: before(f.Before, f.OlderThanS, now), Status: f.Status, Endpoint: f.Endpoint, Type: f.Type,
		Limit: int64(f.Limit), Audits: f.Audits, DryRun: f.DryRun,
	}
}

type pruneDeliveries struct {
	OlderThanS *float64                           `json:"older_than_s"`
	Before     *ms                                `json:"before"`
	Outcome    oneOrMore[knocker.DeliveryOutcome] `json:"outcome"`
	Endpoint   string                             `json:"endpoint"`
	Limit      limit                              `json:"limit"`
	DryRun     bool                               `json:"dry_run"`
}

func (f pruneDeliveries) typed(now time.Time) knocker.PruneDeliveriesFilter {
	return knocker.PruneDeliveriesFilter{
		OlderThan: inSeconds(f.OlderThanS), Before: before(f.Before, f.OlderThanS, now), Outcome: f.Outcome, Endpoint: f.Endpoint,
		Limit: int64(f.Limit), DryRun: f.DryRun,
	}
}

// before takes the place of an age of zero, which in Go is none.
func before(given *ms, olderThanS *float64, now time.Time) time.Time {
	if olderThanS != nil && *olderThanS == 0 {
		return now
	}
	return given.time()
}

// limit is refused where it is given as zero, which in Go is the default.
type limit int64

func (l *limit) UnmarshalJSON(data []byte) error {
	var number int64
	if err := json.Unmarshal(data, &number); err != nil {
		return err
	}
	if number == 0 {
		return errStep
	}
	*l = limit(number)
	return nil
}

type retentionPolicy struct {
	Endpoint    string   `json:"endpoint"`
	HandledS    *float64 `json:"handled_s"`
	IgnoredS    *float64 `json:"ignored_s"`
	DeadS       *float64 `json:"dead_s"`
	DeliveriesS *float64 `json:"deliveries_s"`
	AuditsS     *float64 `json:"audits_s"`
	IntervalS   *float64 `json:"interval_s"`
	Limit       limit    `json:"limit"`
}

func (r retentionPolicy) typed() knocker.RetentionSettings {
	return knocker.RetentionSettings{
		Endpoint: r.Endpoint, Handled: inSeconds(r.HandledS), Ignored: inSeconds(r.IgnoredS), Dead: inSeconds(r.DeadS), Deliveries: inSeconds(r.DeliveriesS),
		Audits: inSeconds(r.AuditsS), Interval: inSeconds(r.IntervalS), Limit: int64(r.Limit),
	}
}

func inSeconds(s *float64) time.Duration {
	if s == nil {
		return 0
	}
	return time.Duration(*s * float64(time.Second))
}
