package knocker

import (
	"context"
	"strings"
)

// Handler does the application's work for one event. nil says that it is handled, an error that the attempt failed; [RetryAfter], [Ignore] and [Dead]
// are decisions. tx is begun at its first use and committed together with the event; after an error what was written through it is taken back.
type Handler func(ctx context.Context, tx *Tx, event *Event) error

type handlerOf struct {
	pattern string
	handle  Handler
}

// On adds a handler of events of this type: exact, "prefix.*", or "*" for every one, also without a type. The handlers of one event run in the
// order in which they were added, in one transaction. One that the provider is known never to send is a warning in the log. It panics where the type is
// empty or the handler nil, as http.Handle does.
func (e *Endpoint) On(eventType string, handler Handler) {
	if eventType == "" || handler == nil {
		panic(usage("On(%q, …): name a type, a prefix with .*, or *, and a handler", eventType))
	}
	if star := strings.IndexByte(eventType, '*'); star >= 0 && eventType != "*" && (star != len(eventType)-1 || !strings.HasSuffix(eventType, ".*")) {
		panic(usage("On(%q, …): a star stands alone or ends a prefix: %q", eventType, "invoice.*"))
	}
	e.sendable.check(e.database.options.logger, e.name, eventType)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.handlers = append(e.handlers, handlerOf{eventType, handler})
}

// matching gives every handler that wants this type.
func (e *Endpoint) matching(eventType string) (wanted []Handler) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, h := range e.handlers {
		if h.pattern == "*" || (eventType != "" && matches(h.pattern, eventType)) {
			wanted = append(wanted, h.handle)
		}
	}
	return wanted
}

func matches(pattern, eventType string) bool {
	// "invoice.*" is what starts with "invoice.", as in the filters of the bulk actions.
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(eventType, prefix)
	}
	return pattern == eventType
}

func (e *Endpoint) hasHandlers() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return len(e.handlers) > 0
}
