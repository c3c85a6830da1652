package knocker

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// tenantPool has the hooks of the tenants whose files are open. One has a place for receiving, for working, or both, in one set of hooks; there are as
// many places of each kind as files may be open. One without a place is closed.
type tenantPool struct {
	open     func(tenant string) (*Hooks, error)
	most     int
	patience time.Duration

	mu     sync.Mutex
	byName map[string]*openTenant
	// receiving are those that have a place for receiving, the latest used first.
	receiving *list.List
	closed    bool
	freed     *changeNews
}

// openTenant is a file that is open, being opened or being closed.
type openTenant struct {
	name  string
	hooks *Hooks
	// opened is closed when it is open, or not: err says why.
	opened  chan struct{}
	err     error
	closing bool
	// users are those who receive through it now: it is not closed under them.
	users int
	place *list.Element
	// workers are those who work in it now, of one call of Work each.
	workers int
}

func newTenantPool(most int, patience time.Duration, open func(string) (*Hooks, error)) *tenantPool {
	return &tenantPool{open: open, most: most, patience: patience, byName: map[string]*openTenant{}, receiving: list.New(), freed: newChangeNews()}
}

// use gives the hooks of a tenant to somebody who receives, until the returned function is called. Where every place is in use it waits for one.
func (p *tenantPool) use(ctx context.Context, tenant string) (*Hooks, func(), error) {
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	for {
		news := p.freed.look()
		t, err := p.tryUse(tenant)
		if err != nil {
			return nil, nil, err
		}
		if t != nil {
			if err := p.isOpenInTime(ctx, timer, t); err != nil {
				return nil, nil, err
			}
			var once sync.Once
			return t.hooks, func() { once.Do(func() { p.done(t) }) }, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-timer.C:
			return nil, nil, newError("too_many_open",
				fmt.Sprintf("all of the %d files that may be open for receiving are in use, and none was free within %v", p.most, p.patience), nil)
		}
	}
}

// isOpenInTime waits until somebody else has opened it: a set-up that uses its own tenant would wait for itself.
func (p *tenantPool) isOpenInTime(ctx context.Context, timer *time.Timer, t *openTenant) error {
	select {
	case <-t.opened:
		return t.err
	default:
	}
	select {
	case <-t.opened:
		return t.err
	case <-ctx.Done():
		p.done(t)
		return ctx.Err()
	case <-timer.C:
		p.done(t)
		return newError("busy", fmt.Sprintf("the file of the tenant %.100q was not open within %v: its set-up takes long", t.name, p.patience), nil)
	}
}

// tryUse gives none where a place is to be waited for, and one that somebody else is opening, perhaps.
func (p *tenantPool) tryUse(tenant string) (*openTenant, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.closed {
			return nil, errClosed()
		}
		t := p.byName[tenant]
		switch {
		case t != nil && t.place != nil && !t.closing:
			p.receiving.MoveToFront(t.place)
			t.users++
			return t, nil
		case t != nil && t.closing:
			return nil, nil
		case p.receiving.Len() < p.most:
			if t != nil {
				t.place, t.users = p.receiving.PushFront(t), t.users+1
				return t, nil
			}
			t = p.begin(tenant)
			t.place, t.users = p.receiving.PushFront(t), 1
			return t, p.finish(t)
		}
		unused := p.longestUnused()
		if unused == nil {
			return nil, nil
		}
		p.leave(unused)
	}
}

// whenOpen waits until somebody else has opened it.
func (p *tenantPool) whenOpen(t *openTenant) (*openTenant, error) {
	p.mu.Unlock()
	<-t.opened
	p.mu.Lock()
	return t, t.err
}

// begin notes that a file is being opened. The lock is held.
func (p *tenantPool) begin(tenant string) *openTenant {
	t := &openTenant{name: tenant, opened: make(chan struct{})}
	p.byName[tenant] = t
	return t
}

// finish opens it, without the lock. One that cannot be opened is forgotten, and everybody who has waited is told why.
func (p *tenantPool) finish(t *openTenant) error {
	p.mu.Unlock()
	hooks, err := p.open(t.name)
	p.mu.Lock()
	if err == nil && p.closed {
		p.mu.Unlock()
		hooks.close()
		p.mu.Lock()
		err = errClosed()
	}
	t.hooks, t.err = hooks, err
	if err != nil {
		p.forget(t)
	}
	close(t.opened)
	return err
}

func (p *tenantPool) forget(t *openTenant) {
	if t.place != nil {
		p.receiving.Remove(t.place)
		t.place = nil
	}
	delete(p.byName, t.name)
	p.freed.notify()
}

func (p *tenantPool) longestUnused() *openTenant {
	for place := p.receiving.Back(); place != nil; place = place.Prev() {
		if t := place.Value.(*openTenant); t.users == 0 && !t.closing {
			return t
		}
	}
	return nil
}

// leave gives up the place for receiving, and closes a file that has no other. The lock is held, but not while it is closed.
func (p *tenantPool) leave(t *openTenant) {
	if t.workers > 0 {
		p.receiving.Remove(t.place)
		t.place = nil
		p.freed.notify()
		return
	}
	t.closing = true
	p.mu.Unlock()
	t.hooks.close()
	p.mu.Lock()
	p.forget(t)
}

// glance gives the hooks of a tenant where they are open for receiving, as use does.
func (p *tenantPool) glance(tenant string) (*Hooks, func(), bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.byName[tenant]
	if t == nil || t.place == nil || t.closing || t.hooks == nil {
		return nil, nil, false
	}
	t.users++
	return t.hooks, func() { p.done(t) }, true
}

func (p *tenantPool) done(t *openTenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.users--
	if t.users == 0 {
		p.freed.notify()
	}
}

// work gives the hooks of a tenant to a worker, which says with stopWork that it needs them no more. Of those there are no more than places.
func (p *tenantPool) work(tenant string) (*openTenant, error) {
	for {
		news := p.freed.look()
		if t, err := p.tryWork(tenant); t != nil || err != nil {
			return t, err
		}
		<-news
	}
}

func (p *tenantPool) tryWork(tenant string) (*openTenant, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed()
	}
	t := p.byName[tenant]
	switch {
	case t == nil:
		t = p.begin(tenant)
		t.workers = 1
		return t, p.finish(t)
	case t.closing:
		return nil, nil
	}
	t.workers++
	return p.whenOpen(t)
}

func (p *tenantPool) stopWork(t *openTenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.workers--
	if t.workers > 0 || t.place != nil || t.closing {
		return
	}
	t.closing = true
	p.mu.Unlock()
	t.hooks.close()
	p.mu.Lock()
	p.forget(t)
}

// drop closes the hooks of a tenant whose file is gone, where nobody uses them. Those whose log is left at that path stay open: they set it aside before
// another file, a backup perhaps, is opened in the place of theirs, which would take it for its own.
func (p *tenantPool) drop(tenant, log string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.byName[tenant]; t != nil && t.place != nil && t.users == 0 && !t.closing && t.hooks != nil && !isFile(log) {
		p.leave(t)
	}
}

// close closes every file, with what still runs in it, as [Hooks.Close] does.
func (p *tenantPool) close() {
	p.mu.Lock()
	p.closed = true
	var open []*openTenant
	for _, t := range p.byName {
		if t.hooks != nil && !t.closing {
			t.closing = true
			open = append(open, t)
		}
	}
	p.mu.Unlock()
	var closing sync.WaitGroup
	for _, t := range open {
		closing.Add(1)
		go func() {
			defer closing.Done()
			t.hooks.close()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.forget(t)
		}()
	}
	closing.Wait()
	for !p.isEmpty() {
		news := p.freed.look()
		if p.isEmpty() {
			return
		}
		<-news
	}
}

func (p *tenantPool) isEmpty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byName) == 0
}
