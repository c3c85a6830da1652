package knocker

import (
	"database/sql"
	"maps"
	"slices"
	"sync"
)

// Hooks are the webhooks of one SQLite file, and where everything begins. [Open] makes them. Safe for many goroutines.
type Hooks struct {
	database *database

	mu        sync.RWMutex
	endpoints map[string]*Endpoint
	works     map[*work]struct{}
	closed    bool
	closing   chan struct{}
	// isTenants: others may use them too, and OpenMany closes them.
	isTenants bool
}

// Open opens a database file, creates or migrates Knocker's schema, and sets WAL, synchronous=FULL and foreign keys on its own connections.
//
// As an experiment, path may be the nodes of rqlite, rqlite://user:password@a:4001,b:4001,c:4001, or rqlites:// for HTTPS: each of them has the file, and
// what is acknowledged is on most of them. Requests are judged here, so that no secret is sent. BusyTimeout is for how long another node is tried; after
// that a call gives [ErrClusterUnavailable]. [Tx] says what handlers can do there.
//
// Errors are those of a path that cannot be opened or written, [ErrLibraryNotFound], [ErrCannotLoad], [ErrSchemaTooNew], and [ErrUsage].
func Open(path string, options ...Option) (*Hooks, error) {
	o, err := optionsOf(options)
	if err != nil {
		return nil, err
	}
	if o.maxOpen != 0 {
		return nil, usage("MaxOpen is an option of OpenMany: Open has one file")
	}
	return openHooks(path, o)
}

func openHooks(path string, o *openOptions) (*Hooks, error) {
	h := &Hooks{endpoints: map[string]*Endpoint{}, works: map[*work]struct{}{}, closing: make(chan struct{})}
	var err error
	if h.database, err = openDatabase(path, o); err != nil {
		return nil, err
	}
	h.database.declareAgain = h.declareAgain
	return h, nil
}

// FromDB is [Open] on the file of a pool that the application has opened: the same file, on connections of its own. The pool is left as it is; one
// that was opened with [Register]'s driver has the SQL functions too.
func FromDB(db *sql.DB, options ...Option) (*Hooks, error) {
	if db == nil {
		return nil, usage("FromDB: the pool is nil")
	}
	var sequence int
	var name, file string
	if err := db.QueryRow("PRAGMA database_list").Scan(&sequence, &name, &file); err != nil {
		if codeOf(err) != "" {
			// Of Register's driver, which loads the library at the pool's first connection.
			return nil, err
		}
		return nil, newError("usage", "FromDB: this is no open pool of SQLite: "+err.Error(), err)
	}
	if file == "" {
		return nil, usage("FromDB needs a pool on a file: a database in memory is one connection's own")
	}
	return Open(file, options...)
}

// Endpoint creates or updates an endpoint. name is what stands in the URL: 1 to 64 of a-z A-Z 0-9 _ . -. [Provider] says who verifies its requests,
// [Secrets] with what; without a provider the endpoint takes [Endpoint.Ingest] only. The other settings are stored, and what is left out gets its
// default; [Enabled] alone keeps its stored value, so that an operator's switch outlives a deploy.
func (h *Hooks) Endpoint(name string, options ...EndpointOption) (*Endpoint, error) {
	return h.add(name, func() (*Endpoint, error) { return newEndpoint(h.database, name, options) })
}

func (h *Hooks) add(name string, make func() (*Endpoint, error)) (*Endpoint, error) {
	if h.find(name) != nil {
		return nil, usage("these hooks have an endpoint %s", name)
	}
	made, err := make()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, taken := h.endpoints[name]; taken {
		return nil, usage("these hooks have an endpoint %s", name)
	}
	h.endpoints[name] = made
	return made, nil
}

// ExistingEndpoint gives an endpoint that is stored in the file, with its settings as they are: declared by another process, or by an operator.
// options can be [Secrets] or a [SecretsFunc]. Error: [ErrUnknownEndpoint].
func (h *Hooks) ExistingEndpoint(name string, options ...EndpointOption) (*Endpoint, error) {
	return h.add(name, func() (*Endpoint, error) { return existingEndpoint(h.database, name, options) })
}

// Endpoints are the endpoints of this process, by name.
func (h *Hooks) Endpoints() []*Endpoint {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.SortedFunc(maps.Values(h.endpoints), func(a, b *Endpoint) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
}

func (h *Hooks) find(name string) *Endpoint {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.endpoints[name]
}

func (h *Hooks) declareAgain(c *conn) error {
	for _, e := range h.Endpoints() {
		if err := e.declare(c); err != nil {
			return err
		}
	}
	return nil
}

// Closing is closed as soon as somebody calls Close: what takes long can end sooner then.
func (h *Hooks) Closing() <-chan struct{} { return h.closing }

// Close ends the workers as the end of their context does, waits for them, commits what is queued and closes the connections. A handler that waited
// for it would wait for itself: there, go hooks.Close(). Using the hooks afterwards is [ErrClosed].
func (h *Hooks) Close() error {
	if h.isTenants {
		return usage("these hooks are of Tenants, and others may use them: call done, or Tenants.Close")
	}
	h.close()
	return nil
}

func (h *Hooks) close() {
	h.mu.Lock()
	works := slices.Collect(maps.Keys(h.works))
	for _, w := range works {
		w.stop()
	}
	// A handler that has heard of it is the last one of its worker.
	if !h.closed {
		h.closed = true
		close(h.closing)
	}
	h.mu.Unlock()
	// The handlers that still run may write through these hooks.
	for _, w := range works {
		<-w.ended
	}
	h.database.close()
}

// begin notes a worker, which Close waits for.
func (h *Hooks) begin(w *work) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errClosed()
	}
	h.works[w] = struct{}{}
	return nil
}

func (h *Hooks) end(w *work) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.works, w)
	close(w.ended)
}
