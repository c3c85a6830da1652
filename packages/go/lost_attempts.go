package knocker

import "database/sql/driver"

// lostAttempt ended without a word: its worker died, or let go of its lease. The claim that notices it records it.
type lostAttempt struct {
	id         int64
	eventID    int64
	deliveryID int64
	attempt    int
	problem    string
	// isDead says that it was the last one of its event.
	isDead bool
	event  *Event
}

// lastAttempt is the newest attempt of the file; to be asked inside the transaction of a claim.
func lastAttempt(c *conn) (int64, error) {
	last, err := c.value("SELECT id FROM knocker_attempts ORDER BY id DESC LIMIT 1")
	return integer(last), err
}

const selectLost = `SELECT id, event_id, delivery_id, attempt, error, (SELECT status = 'dead' FROM knocker_events WHERE id = event_id)
	FROM knocker_attempts WHERE id > ? AND result = 'lease_expired'`

// lostSince are those that were recorded since, in the same transaction. What their events are is read later, when others can write again.
func lostSince(c *conn, last int64) ([]lostAttempt, error) {
	found, err := c.rows(selectLost+" ORDER BY id", last)
	if err != nil {
		return nil, err
	}
	return lostOf(found), nil
}

func lostOf(rows [][]driver.Value) []lostAttempt {
	lost := make([]lostAttempt, len(rows))
	for i, row := range rows {
		lost[i] = lostAttempt{
			id: integer(row[0]), eventID: integer(row[1]), deliveryID: integer(row[2]), attempt: int(integer(row[3])), problem: text(row[4]), isDead: boolean(row[5]),
		}
	}
	return lost
}

// withEvents gives those whose events are still there, with them.
func withEvents(s session, lost []lostAttempt) (known []lostAttempt, err error) {
	for _, one := range lost {
		event, err := one.read(s)
		if err != nil {
			return nil, err
		}
		if event != nil {
			one.event = event
			known = append(known, one)
		}
	}
	return known, nil
}

func (l lostAttempt) read(s session) (*Event, error) {
	found, err := s.rows(`SELECT e.endpoint, e.type, e.key, e.max_attempts, e.received_at, d.method, d.url, d.headers, e.body
		FROM knocker_events e JOIN knocker_deliveries d ON d.id = ? WHERE e.id = ?`, l.deliveryID, l.eventID)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	row := found[0]
	header, err := headerOf(text(row[7]))
	if err != nil {
		return nil, err
	}
	return &Event{
		ID: l.eventID, Endpoint: text(row[0]), Type: text(row[1]), Key: text(row[2]), Body: blob(row[8]), Attempt: l.attempt,
		MaxAttempts: int(integer(row[3])), ReceivedAt: moment(row[4]),
		Delivery: EventDelivery{ID: l.deliveryID, Method: text(row[5]), URL: text(row[6]), Header: header},
	}, nil
}
