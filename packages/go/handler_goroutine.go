package knocker

import "context"

// handlerGoroutine is where the handlers of a worker's connection run, one attempt after the other: one that calls runtime.Goexit, as
// testing.T.FailNow does, ends an attempt and not the worker. It is kept for the next attempt: the stack of a new one would grow anew each time.
type handlerGoroutine struct {
	// todo is nil while there is none.
	todo chan func() error
	done chan error
}

// run runs the handlers of an event, and gives what they failed with.
func (g *handlerGoroutine) run(ctx context.Context, tx *Tx, event *Event, wanted []Handler) error {
	if g.todo == nil {
		g.todo, g.done = make(chan func() error), make(chan error)
		go g.serve(g.todo, g.done)
	}
	g.todo <- func() error { return recovered(func() error { return readable(inOrder(ctx, tx, event, wanted)) }) }
	return <-g.done
}

func (g *handlerGoroutine) serve(todo <-chan func() error, done chan<- error) {
	isOver := false
	defer func() {
		if !isOver {
			g.todo = nil
			done <- usage("the handler ended its goroutine with runtime.Goexit, or with a test's FailNow")
		}
	}()
	for handle := range todo {
		done <- handle()
	}
	isOver = true
}

func (g *handlerGoroutine) close() {
	if g.todo != nil {
		close(g.todo)
		g.todo = nil
	}
}

func recovered(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = panicError(value)
		}
	}()
	return do()
}

func inOrder(ctx context.Context, tx *Tx, event *Event, wanted []Handler) error {
	for _, handle := range wanted {
		if err := handle(ctx, tx, event); err != nil {
			return err
		}
	}
	return nil
}
