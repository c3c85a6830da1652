package tests

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

func TestNilArgumentsAreErrorsAndNoPanics(t *testing.T) {
	hooks := open(t)
	hub, box := github(t, hooks), inbox(t, hooks)
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return nil })
	var none context.Context
	ctx := context.Background()
	for name, call := range map[string]func() error{
		"a pool":                 func() error { _, err := knocker.FromDB(nil); return err },
		"a request to receive":   func() error { _, err := hub.Receive(ctx, nil); return err },
		"a request to verify":    func() error { _, err := hub.Verify(ctx, nil); return err },
		"a request to sign":      func() error { _, err := hub.Sign(nil, secret); return err },
		"the context of Receive": func() error { _, err := hub.Receive(none, push(t, hub, 1)); return err },
		"the context of Ingest":  func() error { _, err := box.Ingest(none, knocker.IngestFields{Valid: true}, nil); return err },
		"the context of Verify":  func() error { _, err := hub.Verify(none, push(t, hub, 1)); return err },
		"the context of Work":    func() error { return hooks.Work(none) },
		"the context of Drain":   func() error { _, err := hooks.Drain(none, 1); return err },
		"the context of Stats":   func() error { _, err := hooks.Stats(none); return err },
		"the context of Claim":   func() error { _, err := hooks.Leases("w").Claim(none, 1, time.Minute); return err },
		"the context of Jobs":    func() error { _, err := hooks.Leases("w").Jobs(none); return err },
		"the context of a list": func() error {
			for _, err := range hooks.Events(none, knocker.ListEvents{}) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) { isError(t, name, call(), knocker.ErrUsage) })
	}
	equal(t, "events", eventStatuses(t, hooks), nil)
}

func TestALibraryThatIsNotThereOrIsNoneIsNamed(t *testing.T) {
	folder := t.TempDir()
	none := filepath.Join(folder, "none.so")
	_, err := knocker.Open(knockertest.File(t), knocker.Extension(none))
	isError(t, "no file", err, knocker.ErrLibraryNotFound)
	// log.Fatal(err) prints this and nothing else.
	if !strings.HasSuffix(err.Error(), none+" (the option Extension). Set KNOCKER_EXTENSION to the path of libknocker, or install the package that brings the one of this platform.") {
		t.Error(err)
	}
	text := filepath.Join(folder, "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = knocker.Open(knockertest.File(t), knocker.Extension(text))
	isError(t, "a text", err, knocker.ErrCannotLoad)
	if !strings.Contains(err.Error(), text) {
		t.Error(err)
	}
}

func TestAnOptionThatIsNilSaysNothing(t *testing.T) {
	hooks := open(t, nil)
	ctx, ended := context.WithCancel(context.Background())
	ended()
	box := inbox(t, hooks, nil)
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return errors.New("not today") })
	if err := errors.Join(hooks.UpdateEndpoint(context.Background(), "inbox", nil), hooks.Work(ctx, nil)); err != nil {
		t.Error(err)
	}
	id := ingest(t, box, "paid")
	must[[]knocker.Attempted](t)(hooks.Drain(context.Background(), 1, nil))
	must[knocker.Transition](t)(hooks.Replay(context.Background(), id, nil))
}

func TestAPoolThatIsNoFileIsRefused(t *testing.T) {
	noLeaks(t)
	db := must[*sql.DB](t)(sql.Open("sqlite3", ":memory:"))
	defer func() { _ = db.Close() }()
	_, err := knocker.FromDB(db)
	isError(t, "in memory", err, knocker.ErrUsage)
}

func TestSettingsThatAMapHoldsAreLeftAsTheyAre(t *testing.T) {
	hooks := open(t)
	backoff := map[string]any{"base_s": 7}
	inbox(t, hooks, knocker.RawSettings(map[string]any{"backoff": backoff}))
	if len(backoff) != 1 {
		t.Errorf("the application's own map is now %v", backoff)
	}
}

func TestAContextThatIsOverStoresNothing(t *testing.T) {
	hooks := open(t)
	hub, box := github(t, hooks), inbox(t, hooks)
	box.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error {
		t.Error("a handler was run")
		return nil
	})
	request := push(t, hub, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 50 {
		_, err := hub.Receive(ctx, request)
		isError(t, "Receive", err, context.Canceled)
		_, err = box.Ingest(ctx, knocker.IngestFields{Valid: true}, nil)
		isError(t, "Ingest", err, context.Canceled)
		_, err = hub.Verify(ctx, request)
		isError(t, "Verify", err, context.Canceled)
		_, err = hooks.Stats(ctx)
		isError(t, "Stats", err, context.Canceled)
	}
	equal(t, "events", eventStatuses(t, hooks), nil)
	ingest(t, box, "paid")
	for range 20 {
		if err := hooks.Work(ctx); err != nil {
			t.Errorf("Work: %v", err)
		}
	}
	_, err := hooks.Drain(ctx, 10)
	isError(t, "Drain", err, context.Canceled)
	equal(t, "events", eventStatuses(t, hooks), []knocker.EventStatus{knocker.EventReceived})
}

func TestAClockOfNoUseIsAnErrorOfTheCall(t *testing.T) {
	for name, now := range map[string]time.Time{"long ago": {}, "far away": time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			hooks, err := knocker.Open(knockertest.File(t), knocker.Clock(func() time.Time { return now }))
			if err == nil {
				defer func() { _ = hooks.Close() }()
				_, err = hooks.Stats(context.Background())
			}
			isError(t, name, err, knocker.ErrInvalidArgument)
		})
	}
}
