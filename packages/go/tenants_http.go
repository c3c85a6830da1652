package knocker

import (
	"context"
	"errors"
	"net/http"
)

// Handler receives for every tenant: tenantOf gives the name of the tenant that a request is for, from its host or its path, and the last part of the
// path names the endpoint. A tenant or an endpoint that there is not is answered with 404, and makes no file. Where more tenants are received for at
// once than files may be open, and none is free in time, it is 503, and the sender comes again.
func (t *Tenants) Handler(tenantOf func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant := tenantOf(r)
		address, ok := t.options.externalURL(r)
		if !ok {
			plain(w, http.StatusBadRequest, "bad host")
			return
		}
		var limit int64
		err := t.receiving(r.Context(), tenant, r, func(e *Endpoint) (err error) {
			limit, err = e.limitOf(r)
			return err
		})
		if err != nil {
			t.refuse(w, r, tenant, err)
			return
		}
		// A sender that takes its time keeps no file open.
		body := t.options.readInTime(w, r, func() (int64, error) { return limit, nil })
		err = t.receiving(context.WithoutCancel(r.Context()), tenant, r, func(e *Endpoint) error {
			e.answer(w, r, address, body)
			return nil
		})
		if err != nil {
			t.refuse(w, r, tenant, err)
		}
	})
}

// receiving runs a function with the endpoint that the request is for.
func (t *Tenants) receiving(ctx context.Context, tenant string, r *http.Request, with func(*Endpoint) error) error {
	hooks, done, err := t.Hooks(ctx, tenant)
	if err != nil {
		return err
	}
	defer done()
	name := lastPart(r)
	endpoint := hooks.find(name)
	if endpoint == nil {
		return newError("unknown_endpoint", "there is no endpoint "+name, nil)
	}
	return with(endpoint)
}

func (t *Tenants) refuse(w http.ResponseWriter, r *http.Request, tenant string, err error) {
	if errors.Is(err, ErrUnknownTenant) {
		notFound(w)
		return
	}
	refuse(w, r, t.options.logger.With("tenant", tenant), err)
}
