package knocker

import (
	"context"
	"log/slog"
)

// loggerApart gives a logger as that one, whose handler may end its goroutine (runtime.Goexit, or the FailNow of a test): who tells it something may be
// the one whose turn it is to write, or the one that extends leases, and nobody would ever do that again.
func loggerApart(logger *slog.Logger) *slog.Logger { return slog.New(handlerApart{logger.Handler()}) }

// handlerApart runs a handler in a goroutine of its own. A panic of it is its caller's, as it was.
type handlerApart struct{ slog.Handler }

func (h handlerApart) Handle(ctx context.Context, record slog.Record) (err error) {
	ended := make(chan struct{})
	var panicked any
	go func() {
		defer close(ended)
		defer func() { panicked = recover() }()
		err = h.Handler.Handle(ctx, record)
	}()
	<-ended
	if panicked != nil {
		panic(panicked)
	}
	return err
}

func (h handlerApart) WithAttrs(attributes []slog.Attr) slog.Handler {
	return handlerApart{h.Handler.WithAttrs(attributes)}
}

func (h handlerApart) WithGroup(name string) slog.Handler {
	return handlerApart{h.Handler.WithGroup(name)}
}
