//go:build unix

package tests

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// exitingLog ends the goroutine that tells it something, as the FailNow of a test does.
type exitingLog struct{ told chan struct{} }

func (*exitingLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (l *exitingLog) WithAttrs([]slog.Attr) slog.Handler             { return l }
func (l *exitingLog) WithGroup(string) slog.Handler                  { return l }

func (l *exitingLog) Handle(context.Context, slog.Record) error {
	select {
	case l.told <- struct{}{}:
	default:
	}
	runtime.Goexit()
	return nil
}

func TestALogThatEndsItsGoroutineEndsNeitherACallerNorHisTurn(t *testing.T) {
	path, log := knockertest.File(t), &exitingLog{make(chan struct{}, 1)}
	hooks := openAt(t, path, knocker.Logger(slog.New(log)))
	box := inbox(t, hooks)
	// All that judge have their connections now: it is a writer who finds that the file is gone, and tells the log so.
	for range 10 {
		ingest(t, box, "before")
	}
	removeFile(t, path)
	ended, answered := make(chan struct{}), false
	go func() {
		defer close(ended)
		_, err := box.Ingest(context.Background(), knocker.IngestFields{Valid: true}, []byte("{}"))
		isError(t, "without a file", err, knocker.ErrFileReplaced)
		answered = true
	}()
	waitFor(t, "the end of the caller", ended)
	<-log.told
	if !answered {
		t.Error("the caller was ended")
	}
	replaceFile(t, path)
	stored := make(chan struct{})
	go func() {
		defer close(stored)
		for {
			if _, err := box.Ingest(context.Background(), knocker.IngestFields{Valid: true}, []byte("{}")); !errors.Is(err, knocker.ErrFileReplaced) {
				must[struct{}](t)(struct{}{}, err)
				return
			}
		}
	}()
	waitFor(t, "the next caller", stored)
}
