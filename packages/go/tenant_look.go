package knocker

import (
	"database/sql/driver"
	"errors"
	"time"
)

// look is what was found in a tenant's file.
type look struct {
	// due is how long it takes until something is to be done, where isDue says that anything is.
	due   time.Duration
	isDue bool
	// endpoints are those that have handlers; nil where that is not known yet.
	endpoints []string
	isGone    bool
	err       error
}

// lookAt says when something is due in the file, over a connection that is given or opened, and given back. Nothing is written, so that looking at a file
// does not change it.
func (t *Tenants) lookAt(path string, endpoints []string, given *conn) (look, *conn) {
	if !isFile(path) {
		if given != nil {
			given.close()
		}
		return look{isGone: true}, nil
	}
	c := given
	if c == nil {
		opened, err := openToLook(path, t.options)
		if err != nil {
			return look{err: err}, nil
		}
		c = opened
	}
	found := look{endpoints: endpoints}
	if endpoints != nil && len(endpoints) == 0 {
		return found, c
	}
	found.due, found.isDue, found.err = leases{now: t.now}.nextDueOfAny(c, endpoints)
	if errors.Is(found.err, ErrNotBootstrapped) {
		found.isDue, found.err = isOfBefore(c)
	}
	if found.err != nil {
		c.close()
		return found, nil
	}
	return found, c
}

// isOfBefore says whether the file has the schema of a former version: opening it brings it up to date. One without any has no event.
func isOfBefore(c *conn) (bool, error) {
	found, err := c.value("SELECT count(*) FROM sqlite_master WHERE name = '_knocker_schema'")
	return err == nil && integer(found) > 0, err
}

// retain runs a retention pass where one is due in the file. One without Knocker's schema has none.
func (t *Tenants) retain(c *conn) error {
	_, err := c.call("knocker_retain", t.now())
	if errors.Is(err, ErrNotBootstrapped) {
		return nil
	}
	return err
}

func (t *Tenants) now() driver.Value {
	if t.options.clock == nil {
		return nil
	}
	return t.options.clock().UnixMilli()
}

// nextDueOfAny is as nextDue, of the endpoints of any worker; of all of them where they are nil.
func (l leases) nextDueOfAny(s session, endpoints []string) (time.Duration, bool, error) {
	filter := map[string]any{}
	if endpoints != nil {
		filter["endpoints"] = endpoints
	}
	due, err := s.call("knocker_next_due", jsonText(filter), l.now())
	if err != nil || due == nil {
		return 0, false, err
	}
	return time.Duration(due.(int64)) * time.Millisecond, true, nil
}
