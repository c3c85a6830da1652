package knocker

import (
	"context"
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

// lookAt says when something is due in the tenant's file, over a connection that is given or opened, and given back. Opening changes nothing of the
// file. On a tour its retention runs, too.
func (t *Tenants) lookAt(tenant, path string, endpoints []string, isTour bool, given *conn) (look, *conn) {
	if !isFile(path) {
		if given != nil {
			given.close()
		}
		return look{isGone: true}, nil
	}
	// Where another file is at the path, these know what to do with the log of the former one, which a new connection would take for its own.
	if hooks, done, ok := t.pool.glance(tenant); ok {
		defer done()
		var found look
		found.err = hooks.database.do(context.Background(), func(c session) error {
			found = t.lookOn(c, endpoints, isTour)
			return found.err
		})
		return found, given
	}
	c := given
	if c == nil {
		opened, err := openToLook(path, t.options)
		if err != nil {
			return look{err: err}, nil
		}
		c = opened
	}
	found := t.lookOn(c, endpoints, isTour)
	if found.err != nil {
		c.close()
		return found, nil
	}
	return found, c
}

func (t *Tenants) lookOn(c session, endpoints []string, isTour bool) look {
	found := look{endpoints: endpoints}
	if endpoints != nil && len(endpoints) == 0 {
		return found
	}
	found.due, found.isDue, found.err = leases{now: t.now}.nextDueOfAny(c, endpoints)
	if errors.Is(found.err, ErrNotBootstrapped) {
		found.isDue, found.err = isOfBefore(c)
		return found
	}
	if isTour && found.err == nil {
		_, found.err = c.call("knocker_retain", t.now())
	}
	return found
}

// isOfBefore says whether the file has the schema of a former version: opening it brings it up to date. One without any has no event.
func isOfBefore(c session) (bool, error) {
	found, err := c.rows("SELECT 1 FROM sqlite_master WHERE name = '_knocker_schema'")
	return len(found) > 0, err
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
