package knocker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

const (
	// defaultMaxOpen is how many files are open at once of each kind.
	defaultMaxOpen = 32
	mostOpenFiles  = 10000
)

// Tenants are the webhooks of many SQLite files, one a tenant. [OpenMany] makes them. Safe for many goroutines.
type Tenants struct {
	pattern tenantPattern
	options *openOptions
	setUp   func(*Hooks, string) error
	pool    *tenantPool
	pauses  schedulerPauses

	mu      sync.Mutex
	closed  bool
	closing chan struct{}
	workers sync.WaitGroup
}

// MaxOpen is how many files [OpenMany] has open at once for receiving, and how many for working; 32 by default. One for receiving costs a
// connection to write, one to read, and those that verify, as they are needed: as many as there are cores, at least 2 and at most 8, and half as many
// for large bodies. One for working costs 4, and one more for each handler that may run at once. A connection has two or three descriptors.
func MaxOpen(files int) Option {
	return func(o *openOptions) error {
		if files < 1 || files > mostOpenFiles {
			return usage("MaxOpen: %d is not between 1 and %d", files, mostOpenFiles)
		}
		o.maxOpen = files
		return nil
	}
}

// OpenMany is [Open] for a folder with a file for each tenant. pattern is a path with one * that stands for the tenant's name, in its last part or the
// one before: tenants/*.db, tenants/*/app.db. Files are opened when they are needed, as many at once as [MaxOpen] says. setUp runs each time that one
// is opened, before anything else uses it: it declares the tenant's endpoints and their handlers. The other options are those of Open, for each file.
func OpenMany(pattern string, setUp func(hooks *Hooks, tenant string) error, options ...Option) (*Tenants, error) {
	o, err := optionsOf(options)
	if err != nil {
		return nil, err
	}
	if o.maxOpen == 0 {
		o.maxOpen = defaultMaxOpen
	}
	if setUp == nil {
		return nil, usage("OpenMany needs a function that declares the endpoints of a tenant, and it is nil")
	}
	parsed, err := parsePattern(pattern)
	if err != nil {
		return nil, err
	}
	t := &Tenants{pattern: parsed, options: o, setUp: setUp, pauses: usualPauses, closing: make(chan struct{})}
	t.pool = newTenantPool(o.maxOpen, o.busyTimeout, t.open)
	return t, nil
}

// Names are those of the tenants that have a file now, in order.
func (t *Tenants) Names() ([]string, error) { return t.pattern.names() }

// Hooks gives the hooks of a tenant's file, for receiving, lists and operations; call done when you are through with them, and Close never. The file
// stays open until then. Where MaxOpen files are in use it waits as long as [BusyTimeout] says, and gives [ErrTooManyOpen]. A tenant that has no file, or a
// name that no file can have, is [ErrUnknownTenant]: nothing is made.
func (t *Tenants) Hooks(ctx context.Context, tenant string) (hooks *Hooks, done func(), err error) {
	if err := alive(ctx); err != nil {
		return nil, nil, err
	}
	if whyNot := t.pattern.whyNoName(tenant); whyNot != "" {
		return nil, nil, unknownTenant(tenant, whyNot)
	}
	if path := t.pattern.path(tenant); !isFile(path) {
		t.pool.drop(tenant, path+"-wal")
		return nil, nil, unknownTenant(tenant, "it has no file")
	}
	return t.pool.use(ctx, tenant)
}

func unknownTenant(tenant, why string) error {
	return newError("unknown_tenant", fmt.Sprintf("there is no tenant %.100q: %s", tenant, why), nil)
}

// Create makes the file of a new tenant, and the folder of its own where the pattern has one, with all that setUp declares. A tenant that has a file
// already is [ErrUsage].
func (t *Tenants) Create(ctx context.Context, tenant string) error {
	if whyNot := t.pattern.whyNoName(tenant); whyNot != "" {
		return unknownTenant(tenant, whyNot)
	}
	path := t.pattern.path(tenant)
	if t.pattern.file != "" {
		if err := os.Mkdir(filepath.Dir(path), 0o750); err != nil && !errors.Is(err, os.ErrExist) {
			return newError("io_error", err.Error(), err)
		}
	}
	// As SQLite itself makes files.
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return usage("there is a tenant %q: %s", tenant, path)
	}
	if err != nil {
		return newError("io_error", err.Error(), err)
	}
	if err := made.Close(); err != nil {
		return newError("io_error", err.Error(), err)
	}
	// SQLite takes no log for that of a new file.
	t.pool.drop(tenant, "")
	_, done, err := t.Hooks(ctx, tenant)
	if err != nil {
		return err
	}
	done()
	return nil
}

// open opens the file of a tenant, and has it set up.
func (t *Tenants) open(tenant string) (*Hooks, error) {
	o := *t.options
	o.logger, o.isThere = o.logger.With("tenant", tenant), true
	hooks, err := openHooks(t.pattern.path(tenant), &o)
	if err != nil && !isFile(t.pattern.path(tenant)) {
		// Removed while it was waited for.
		return nil, unknownTenant(tenant, "it has no file")
	}
	if err != nil {
		return nil, err
	}
	hooks.isTenants = true
	if err := t.declare(hooks, tenant); err != nil {
		hooks.close()
		return nil, err
	}
	return hooks, nil
}

// declare runs the application's function. One that panics is a mistake about this tenant: the others go on.
func (t *Tenants) declare(hooks *Hooks, tenant string) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = panicError(value)
		}
	}()
	return readable(t.setUp(hooks, tenant))
}

// Close ends the workers as the end of their context does, waits for them, commits what is queued and closes the files. Using them afterwards is
// [ErrClosed].
func (t *Tenants) Close() error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.closing)
	}
	t.mu.Unlock()
	// What listens to Closing of its hooks can end sooner.
	t.pool.close()
	t.workers.Wait()
	return nil
}

func (t *Tenants) begin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed()
	}
	t.workers.Add(1)
	return nil
}
