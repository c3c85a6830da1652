package knocker_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
	"github.com/knocker/knocker-go/knockertest"
)

const (
	patience     = conformance.Patience
	eventBody    = `{"customer": "never-to-be-logged"}`
	workerSchema = "CREATE TABLE written (text TEXT NOT NULL UNIQUE)"
)

type workerFile struct {
	About string       `json:"about"`
	Cases []workerCase `json:"cases"`
}

type workerCase struct {
	Name      string            `json:"name"`
	Schema    []string          `json:"schema"`
	Endpoint  object            `json:"endpoint"`
	Handlers  []scriptedHandler `json:"handlers"`
	Apps      map[string]appOf  `json:"apps"`
	HooksFail bool              `json:"hooks_fail"`
	// OnlyShared: what is seen is different where commits are not shared.
	OnlyShared bool         `json:"only_shared"`
	Steps      []workerStep `json:"steps"`
}

type appOf struct {
	Name     string            `json:"name"`
	Endpoint object            `json:"endpoint"`
	Handlers []scriptedHandler `json:"handlers"`
}

type scriptedHandler struct {
	On   string                       `json:"on"`
	Do   []map[string]json.RawMessage `json:"do"`
	Then []map[string]json.RawMessage `json:"then"`
}

type workerStep struct {
	Now         *int64                     `json:"now"`
	App         string                     `json:"app"`
	Event       json.RawMessage            `json:"event"`
	Run         *expectedRun               `json:"run"`
	Dies        bool                       `json:"dies"`
	UseKeptTx   string                     `json:"use_kept_tx"`
	Op          string                     `json:"op"`
	Args        map[string]json.RawMessage `json:"args"`
	Expect      json.RawMessage            `json:"expect"`
	ExpectError string                     `json:"expect_error"`
}

type expectedRun struct {
	Results  []any `json:"results"`
	Errors   []any `json:"errors"`
	Dead     []any `json:"dead"`
	Written  []any `json:"written"`
	Log      []any `json:"log"`
	Events   []any `json:"events"`
	Attempts []any `json:"attempts"`
	// EndedBefore is how many attempts had ended, as others see it, at each call of a handler.
	EndedBefore []int `json:"ended_before"`
}

// The ways to run a case.
const (
	throughDrain  = "drain"
	throughAlone  = "drain without shared commits"
	throughWorker = "worker"
)

func TestWorker(t *testing.T) { runWorkerData(t, "worker") }

func TestSharedCommits(t *testing.T) { runWorkerData(t, "shared_commits") }

// runWorkerData runs each case of the data in each way.
func runWorkerData(t *testing.T, kind string) {
	ran := 0
	files := conformance.Files(t, kind)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var file workerFile
		if err := conformance.Strictly(files[name], &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, one := range file.Cases {
			ran++
			for _, way := range []string{throughDrain, throughAlone, throughWorker} {
				if one.OnlyShared && way != throughDrain {
					continue
				}
				t.Run(name+"/"+one.Name+"/"+way, func(t *testing.T) {
					story := newStory(t, one, way)
					for i, s := range one.Steps {
						if err := story.step(s); err != nil {
							t.Fatalf("step %d: %v", i+1, err)
						}
					}
				})
			}
		}
	}
	if !t.Failed() {
		conformance.WriteCount(t, kind, ran)
	}
}

// story is a case on its way: its apps on one file, and an observer that looks at it between the steps.
type story struct {
	t        *testing.T
	path     string
	way      string
	given    workerCase
	clock    *knockertest.Clock
	apps     map[string]*app
	observer *play
	db       *sql.DB
}

func newStory(t *testing.T, one workerCase, way string) *story {
	clock := knockertest.NewClock()
	path := knockertest.File(t)
	hooks, err := knocker.Open(path, clock.Option(), knocker.SynchronousNormal())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=5000&_foreign_keys=1")
	if err != nil {
		t.Fatal(err)
	}
	s := &story{t: t, path: path, way: way, given: one, clock: clock, apps: map[string]*app{}, db: db,
		observer: &play{ctx: context.Background(), t: t, hooks: hooks, clock: clock, saved: object{}}}
	t.Cleanup(func() {
		for _, a := range s.apps {
			_ = a.hooks.Close()
		}
		_ = db.Close()
		_ = hooks.Close()
	})
	for _, statement := range append([]string{workerSchema}, one.Schema...) {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *story) app(name string) (*app, error) {
	if made, ok := s.apps[name]; ok {
		return made, nil
	}
	given := appOf{Endpoint: s.given.Endpoint, Handlers: s.given.Handlers}
	if name != "" {
		given = s.given.Apps[name]
	}
	made, err := newApp(s.t, s.path, s.clock, given, s.given.HooksFail)
	if err == nil {
		s.apps[name] = made
	}
	return made, err
}

func (s *story) step(step workerStep) error {
	if step.Now != nil {
		s.clock.Set(time.UnixMilli(*step.Now))
	}
	switch {
	case step.Op != "":
		return s.observer.step(stepOf(step))
	case step.Dies:
		return s.dies(step.App)
	}
	a, err := s.app(step.App)
	if err != nil {
		return err
	}
	switch {
	case step.Run != nil:
		return s.run(a, step.Run)
	case step.UseKeptTx != "":
		_, err := a.kept.Exec(step.UseKeptTx)
		var known *knocker.Error
		if !errors.As(err, &known) || known.Code != step.ExpectError {
			return fmt.Errorf("expected %s, got %v", step.ExpectError, err)
		}
		return nil
	}
	var eventType string
	if err := json.Unmarshal(step.Event, &eventType); err != nil {
		return err
	}
	_, err = a.endpoint.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: eventType}, []byte(eventBody))
	return err
}

func stepOf(s workerStep) step {
	return step{Op: s.Op, Args: s.Args, Expect: s.Expect, ExpectError: s.ExpectError}
}

func (s *story) run(a *app, expected *expectedRun) error {
	a.forget()
	if s.way != throughWorker {
		before, err := a.ended()
		if err != nil {
			return err
		}
		attempts, err := a.hooks.Drain(context.Background(), 1000, knocker.ShareCommits(s.way == throughDrain))
		if err != nil {
			return err
		}
		if err := s.checkCommits(a, before, expected); err != nil {
			return err
		}
		results := make([]any, len(attempts))
		for i, attempt := range attempts {
			results[i] = attempt.Status
		}
		if err := conformance.Compare(conformance.OrEmpty(expected.Results), results, "results"); err != nil {
			return fmt.Errorf("%w; told %v", err, a.errors)
		}
	} else if err := s.work(a); err != nil {
		return err
	}
	rows, err := s.written()
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name             string
		expected, actual []any
	}{{"errors", expected.Errors, a.errors}, {"dead", expected.Dead, a.dead}, {"written", expected.Written, rows}} {
		if err := conformance.Compare(conformance.OrEmpty(part.expected), conformance.OrEmpty(part.actual), part.name); err != nil {
			return fmt.Errorf("%w; told %v", err, a.errors)
		}
	}
	for view, wanted := range map[string][]any{"events": expected.Events, "attempts": expected.Attempts} {
		if wanted == nil {
			continue
		}
		found, err := s.observer.selected(object{"view": view})
		if err == nil {
			err = conformance.Compare(wanted, found, view)
		}
		if err != nil {
			return err
		}
	}
	return a.checkLog(conformance.OrEmpty(expected.Log))
}

// checkCommits: where commits are not shared, each handler finds that all attempts before it have ended.
func (s *story) checkCommits(a *app, before int, expected *expectedRun) error {
	wanted := expected.EndedBefore
	if wanted == nil {
		return nil
	}
	if s.way == throughAlone {
		wanted = nil
		for n := range expected.Results {
			wanted = append(wanted, before+n)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(wanted, a.endedBefore) {
		return fmt.Errorf("handlers began after %v attempts had ended, not %v", a.endedBefore, wanted)
	}
	return nil
}

// work has a worker at its work until nothing is due; what it has claimed and not begun is given back when it stops.
func (s *story) work(a *app) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		due, err := s.isDue(a)
		if err != nil || !due {
			return err
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- a.hooks.Work(ctx) }()
		for due && err == nil && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
			due, err = s.isDue(a)
		}
		cancel()
		if err := errors.Join(err, <-done); err != nil {
			return err
		}
	}
	return errors.New("something is still due")
}

func (s *story) isDue(a *app) (bool, error) {
	select {
	case <-a.hooks.Closing():
		return false, nil
	default:
	}
	due, waits, err := s.observer.hooks.Leases("nobody").NextDue(context.Background(), a.endpoint.Name())
	return waits && due == 0, err
}

func (s *story) written() (texts []any, err error) {
	rows, err := s.db.Query("SELECT text FROM written ORDER BY rowid")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}

// deathVariable tells a process of this test that it is the one to die.
const deathVariable = "KNOCKER_TEST_DEATH"

type death struct {
	Path   string `json:"path"`
	Now    int64  `json:"now"`
	App    appOf  `json:"app"`
	Worker bool   `json:"worker"`
}

func (s *story) dies(name string) error {
	given, err := json.Marshal(death{s.path, s.clock.Now().UnixMilli(), s.given.Apps[name], s.way == throughWorker})
	if err != nil {
		return err
	}
	other := exec.Command(os.Args[0], "-test.run=^TestDying$")
	other.Env = append(os.Environ(), deathVariable+"="+string(given))
	output, err := other.CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return nil
	}
	return fmt.Errorf("it did not die: %v: %s", err, output)
}

// TestDying is the process that dies.
func TestDying(t *testing.T) {
	given := os.Getenv(deathVariable)
	if given == "" {
		t.Skip("only as a process of its own")
	}
	var d death
	if err := json.Unmarshal([]byte(given), &d); err != nil {
		t.Fatal(err)
	}
	clock := knockertest.NewClock()
	clock.Set(time.UnixMilli(d.Now))
	a, err := newApp(t, d.Path, clock, d.App, false)
	if err != nil {
		t.Fatal(err)
	}
	if d.Worker {
		err = a.hooks.Work(context.Background())
	} else {
		_, err = a.hooks.Drain(context.Background(), 10)
	}
	t.Fatal("it did not die: ", err)
}

// app is hooks on a file, with one endpoint, its scripted handlers, and the account of what was told.
type app struct {
	t        *testing.T
	path     string
	clock    *knockertest.Clock
	hooks    *knocker.Hooks
	endpoint *knocker.Endpoint
	kept     *knocker.Tx
	fails    bool

	mu     sync.Mutex
	calls  map[string]int
	errors []any
	dead   []any
	log    bytes.Buffer
	left   []*sql.Rows
	// observer sees what is committed.
	observer    *sql.DB
	endedBefore []int
}

func newApp(t *testing.T, path string, clock *knockertest.Clock, given appOf, fails bool) (*app, error) {
	a := &app{t: t, path: path, clock: clock, fails: fails, calls: map[string]int{}}
	logger := slog.New(slog.NewJSONHandler(lockedWriter{a}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	hooks, err := knocker.Open(path, clock.Option(), knocker.SynchronousNormal(), knocker.Logger(logger), knocker.OnError(a.onError), knocker.OnDead(a.onDead))
	if err != nil {
		return nil, err
	}
	a.hooks = hooks
	if a.observer, err = sql.Open("sqlite3", "file:"+path); err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = a.observer.Close() })
	name := given.Name
	if name == "" {
		name = "inbox"
	}
	if a.endpoint, err = hooks.Endpoint(name, knocker.RawSettings(given.Endpoint)); err != nil {
		return nil, err
	}
	for number, handler := range given.Handlers {
		a.endpoint.On(handler.On, func(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
			ended, err := a.ended()
			if err != nil {
				return err
			}
			a.mu.Lock()
			a.endedBefore = append(a.endedBefore, ended)
			call := fmt.Sprint(number, " ", event.ID)
			a.calls[call]++
			script := handler.Do
			if a.calls[call] > 1 && handler.Then != nil {
				script = handler.Then
			}
			a.mu.Unlock()
			return a.play(ctx, script, tx, event)
		})
	}
	return a, nil
}

// ended is how many attempts have ended, as others see it.
func (a *app) ended() (count int, err error) {
	return count, a.observer.QueryRow("SELECT count(*) FROM _knocker_attempts").Scan(&count)
}

type lockedWriter struct{ a *app }

func (w lockedWriter) Write(line []byte) (int, error) {
	w.a.mu.Lock()
	defer w.a.mu.Unlock()
	return w.a.log.Write(line)
}

func (a *app) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.errors, a.dead, a.endedBefore = nil, nil, nil
	a.log.Reset()
}

func (a *app) onError(_ context.Context, err error, event *knocker.Event) {
	a.mu.Lock()
	told := object{"event_id": float64(event.ID), "endpoint": event.Endpoint, "type": event.Type, "attempt": float64(event.Attempt), "code": nil, "says": says(err)}
	var known *knocker.Error
	if errors.As(err, &known) {
		told["code"] = known.Code
	}
	a.errors = append(a.errors, told)
	a.mu.Unlock()
	if a.fails {
		panic("the error hook failed")
	}
}

func says(err error) (text string) {
	defer func() { _ = recover() }()
	return err.Error()
}

func (a *app) onDead(_ context.Context, event *knocker.Event, reason string) {
	a.mu.Lock()
	a.dead = append(a.dead, object{"event_id": float64(event.ID), "endpoint": event.Endpoint, "type": event.Type, "reason": reason})
	a.mu.Unlock()
	if a.fails {
		panic("the dead hook failed")
	}
}

// checkLog: each failed attempt is a warning, each dead event an error, and there is nothing else but what the case names.
func (a *app) checkLog(beside []any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	said := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(a.log.String()), "\n") {
		if line == "" {
			continue
		}
		if strings.Contains(line, "never-to-be-logged") {
			return fmt.Errorf("the log holds a body: %s", line)
		}
		var record object
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			return err
		}
		if level := record["level"]; level == "WARN" || level == "ERROR" {
			said[fmt.Sprint(level, " ", record["event_id"])]++
		}
	}
	for _, told := range a.errors {
		said[fmt.Sprint("WARN ", told.(object)["event_id"])]--
	}
	for _, told := range a.dead {
		said[fmt.Sprint("ERROR ", told.(object)["event_id"])]--
	}
	surplus := map[string]int{}
	for line, times := range said {
		if times < 0 {
			return fmt.Errorf("the log does not say %s: %s", line, a.log.String())
		}
		surplus[strings.Fields(line)[0]] += times
	}
	for _, level := range beside {
		surplus[map[string]string{"warning": "WARN", "error": "ERROR"}[level.(string)]]--
	}
	for level, times := range surplus {
		if times != 0 {
			return fmt.Errorf("the log has %d lines more of %s: %s", times, level, a.log.String())
		}
	}
	return nil
}

type noText struct{}

func (noText) Error() string { panic("no text") }

func (a *app) play(ctx context.Context, script []map[string]json.RawMessage, tx *knocker.Tx, event *knocker.Event) error {
	for _, action := range script {
		for kind, given := range action {
			if err := a.act(ctx, kind, given, tx, event); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) act(ctx context.Context, kind string, raw json.RawMessage, tx *knocker.Tx, event *knocker.Event) error {
	switch kind {
	case "write":
		_, err := tx.ExecContext(ctx, "INSERT INTO written VALUES (?)", textFor(raw, event))
		return err
	case "sql":
		_, err := tx.ExecContext(ctx, textFor(raw, event))
		return err
	case "on_event":
		var given struct {
			ID int64                        `json:"id"`
			Do []map[string]json.RawMessage `json:"do"`
		}
		if err := conformance.Strictly(raw, &given); err != nil || given.ID != event.ID {
			return err
		}
		return a.play(ctx, given.Do, tx, event)
	case "begin_reading":
		rows, err := tx.QueryContext(ctx, hostile(raw))
		if err != nil {
			return err
		}
		rows.Next()
		// Kept, so that nothing ends it by itself.
		a.left = append(a.left, rows)
		return rows.Err()
	case "keep_tx":
		a.kept = tx
	case "raise":
		if string(raw) == `{"hostile": "no_text"}` || strings.Contains(string(raw), "no_text") {
			return noText{}
		}
		return errors.New(hostile(raw))
	case "raise_knocker":
		var code string
		if err := json.Unmarshal(raw, &code); err != nil {
			return err
		}
		return &knocker.Error{Code: code, Message: "met elsewhere"}
	case "write_elsewhere":
		db, err := sql.Open("sqlite3", "file:"+a.path+"?_busy_timeout=1")
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		_, err = db.ExecContext(ctx, "INSERT INTO written VALUES (?)", textFor(raw, event))
		return err
	case "raise_no_error":
		panic("no error")
	case "retry":
		var given struct {
			AfterS *float64        `json:"after_s"`
			Reason json.RawMessage `json:"reason"`
		}
		if err := conformance.Strictly(raw, &given); err != nil {
			return err
		}
		var why error
		if given.Reason != nil {
			why = errors.New(hostile(given.Reason))
		}
		if given.AfterS == nil {
			return knocker.Retry(why)
		}
		return knocker.RetryAfter(time.Duration(*given.AfterS*float64(time.Second)), why)
	case "ignore":
		return knocker.Ignore(hostile(raw))
	case "dead":
		return knocker.Dead(hostile(raw))
	case "advance_s":
		var by float64
		if err := json.Unmarshal(raw, &by); err != nil {
			return err
		}
		a.clock.Advance(time.Duration(by * float64(time.Second)))
	case "operate":
		var one step
		if err := conformance.Strictly(raw, &one); err != nil {
			return err
		}
		return a.operate(ctx, one, event)
	case "try":
		var given struct {
			Do   []map[string]json.RawMessage `json:"do"`
			Code string                       `json:"code"`
		}
		if err := conformance.Strictly(raw, &given); err != nil {
			return err
		}
		err := a.play(ctx, given.Do, tx, event)
		var known *knocker.Error
		if err == nil || (given.Code != "" && (!errors.As(err, &known) || known.Code != given.Code)) {
			a.t.Errorf("%s: expected %q, got %v", raw, given.Code, err)
		}
	case "close":
		go func() { _ = a.hooks.Close() }()
		<-a.hooks.Closing()
	case "die":
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		a.t.Error(err)
		select {}
	default:
		a.t.Errorf("there is no action %s", kind)
	}
	return nil
}

func (a *app) operate(ctx context.Context, one step, event *knocker.Event) error {
	p := &play{ctx: ctx, t: a.t, hooks: a.hooks, clock: a.clock, saved: object{"event": float64(event.ID)}}
	given := object{}
	for name, raw := range one.Args {
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return err
		}
		given[name] = p.resolve(value)
	}
	_, err := p.run(one.Op, given)
	return err
}

// textFor is a text of the data, in which $event is the event's id.
func textFor(raw json.RawMessage, event *knocker.Event) string {
	return strings.ReplaceAll(hostile(raw), "$event", fmt.Sprint(event.ID))
}

// hostile is a text of the data, which may be one of a kind that JSON cannot hold.
func hostile(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var named struct {
		Hostile string `json:"hostile"`
	}
	_ = json.Unmarshal(raw, &named)
	return map[string]string{"lone_surrogate": "before \xff after", "nul": "before \x00 after", "megabyte": strings.Repeat("é", 500_000)}[named.Hostile]
}
