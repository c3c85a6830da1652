package knocker

import (
	"cmp"
	"database/sql/driver"
	"encoding/json"
	"slices"
	"time"
)

const jobColumns = "job_id, worker, event_id, delivery_id, endpoint, type, key, attempt, max_attempts, lease_expires_at, received_at, method, url, headers, body"

// Job is leased to a worker, with the event that its handlers get.
type Job struct {
	ID             int64
	Worker         string
	LeaseExpiresAt time.Time
	Event          *Event
}

// leases is the queue as one worker sees it, over one connection.
type leases struct {
	worker string
	now    func() driver.Value
}

// at is the queue as of that moment.
func (l leases) at(moment time.Time) leases {
	l.now = func() driver.Value { return moment.UnixMilli() }
	return l
}

// claim leases up to limit due jobs, oldest first over the endpoints, and gives how many.
func (l leases) claim(s session, limit int, lease time.Duration, endpoints []string) (int64, error) {
	claimed, err := s.call("knocker_claim", l.worker, int64(limit), seconds(lease), jsonText(map[string]any{"endpoints": endpoints}), l.now())
	if err != nil {
		return 0, err
	}
	return claimed.(int64), nil
}

// jobs gives the jobs leased to this worker, but those of the given ids.
func (l leases) jobs(s session, without []int64) ([]*Job, error) {
	// They are put in order here: SQLite would sort them with their bodies. Not `worker = ?`: the driver clears what is bound before each use, and SQLite
	// 3.54 would prepare a statement anew that compares with it.
	found, err := s.rows("SELECT "+jobColumns+" FROM knocker_jobs WHERE worker = ? || '' AND job_id NOT IN (SELECT value FROM json_each(?))",
		l.worker, jsonText(without))
	if err != nil {
		return nil, err
	}
	all, err := jobsOf(found)
	slices.SortFunc(all, func(a, b *Job) int { return cmp.Compare(a.ID, b.ID) })
	return all, err
}

func jobsOf(rows [][]driver.Value) (all []*Job, err error) {
	all = make([]*Job, len(rows))
	for i, row := range rows {
		if all[i], err = jobOf(row); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func jobOf(row []driver.Value) (*Job, error) {
	header, err := headerOf(text(row[13]))
	if err != nil {
		return nil, err
	}
	return &Job{ID: integer(row[0]), Worker: text(row[1]), LeaseExpiresAt: moment(row[9]), Event: &Event{
		ID:          integer(row[2]),
		Endpoint:    text(row[4]),
		Type:        text(row[5]),
		Key:         text(row[6]),
		Attempt:     int(integer(row[7])),
		MaxAttempts: int(integer(row[8])),
		ReceivedAt:  moment(row[10]),
		Body:        blob(row[14]),
		Delivery:    EventDelivery{ID: integer(row[3]), Method: text(row[11]), URL: text(row[12]), Header: header},
	}}, nil
}

func (l leases) handled(s session, id int64, took time.Duration) error {
	_, err := s.call("knocker_handled", id, l.worker, took.Milliseconds(), l.now())
	return err
}

func (l leases) failed(s session, id int64, problem string, took time.Duration, options map[string]any) (*Failure, error) {
	if options == nil {
		// JSON would make a null of it.
		options = map[string]any{}
	}
	result, err := s.call("knocker_failed", id, l.worker, problem, took.Milliseconds(), jsonText(options), l.now())
	if err != nil {
		return nil, err
	}
	var failure Failure
	return &failure, json.Unmarshal([]byte(result.(string)), &failure)
}

func (l leases) skipped(s session, id int64, why string, took time.Duration) error {
	_, err := s.call("knocker_skipped", id, l.worker, why, took.Milliseconds(), l.now())
	return err
}

// release gives back every lease of this worker, the attempts uncounted, and says how many.
func (l leases) release(s session) (int64, error) {
	released, err := s.call("knocker_release", l.worker, l.now())
	if err != nil {
		return 0, err
	}
	return released.(int64), nil
}

// nextDue is how long it takes until the next claim of this worker has something to do; false where nothing waits.
func (l leases) nextDue(s session, endpoints []string) (time.Duration, bool, error) {
	due, err := s.call("knocker_next_due", jsonText(map[string]any{"worker": l.worker, "endpoints": endpoints}), l.now())
	if err != nil || due == nil {
		return 0, false, err
	}
	return time.Duration(due.(int64)) * time.Millisecond, true, nil
}
