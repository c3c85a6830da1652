package tests

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

func TestRqliteAddressesAndOptionsThatCannotBeAreRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		address string
		option  knocker.Option
	}{
		{"a path", "rqlite://a:4001/app.db", nil},
		{"a query", "rqlite://a:4001?level=none", nil},
		{"no node", "rqlite://", nil},
		{"an empty node", "rqlite://a,,b", nil},
		{"no user", "rqlite://:word-of-mouth@a", nil},
		{"a replica", "rqlite://root:word-of-mouth@a", knocker.Replicated("/run/litestream.sock")},
		{"normal", "rqlite://root:word-of-mouth@a", knocker.SynchronousNormal()},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := knocker.Open(c.address, c.option)
			isError(t, "opening", err, knocker.ErrUsage)
			if strings.Contains(err.Error(), "word-of-mouth") {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

func TestRqliteThatIsAwayIsToldWithoutThePassword(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(away.URL, "http://")
	away.Close()
	_, err := knocker.Open("rqlite://root:word-of-mouth@"+host, knocker.BusyTimeout(0))
	isError(t, "opening", err, knocker.ErrClusterUnavailable)
	isError(t, "its family", err, knocker.ErrDatabase)
	if !strings.Contains(err.Error(), host) || strings.Contains(err.Error(), "word-of-mouth") {
		t.Error(err)
	}
}

func TestRqliteRefusesCredentialsAtOnce(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		asked = append(asked, name+" "+password)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	_, err := knocker.Open("rqlite://ro%20ot:word%40mouth@" + strings.TrimPrefix(server.URL, "http://"))
	isError(t, "opening", err, knocker.ErrUsage)
	equal(t, "it was asked by", asked, []string{"ro ot word@mouth"})
	if strings.Contains(err.Error(), "mouth") {
		t.Error(err)
	}
}

func TestRqliteCommitsAHandlersWritesWithTheVerdict(t *testing.T) {
	nodes := emptyNodes(t)
	nodes.run("CREATE TABLE orders (id TEXT UNIQUE, body BLOB, at INTEGER)")
	hooks := nodes.open()
	endpoint := inbox(t, hooks)
	endpoint.On("*", func(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?, ?, ?)", event.Type, event.Body, 7); err != nil {
			return err
		}
		if event.Type == "b" {
			return errors.New("not now")
		}
		return nil
	})
	bodied := func(eventType string) {
		must[*knocker.Receipt](t)(endpoint.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: eventType}, []byte("\xff\x00")))
	}
	bodied("a")
	bodied("b")
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled", "failed"})
	equal(t, "orders", nodes.run("SELECT id || hex(body) || at FROM orders"), []any{"aFF007"})
	// The same id again: the constraint takes back the verdict too.
	bodied("a")
	again := knockertest.Drain(t, hooks)
	equal(t, "attempts", statuses(again), []string{"failed"})
	if !strings.Contains(again[0].Err.Error(), "UNIQUE constraint failed") {
		t.Error(again[0].Err)
	}
	equal(t, "events", eventStatuses(t, hooks), []knocker.EventStatus{knocker.EventHandled, knocker.EventFailed, knocker.EventFailed})
}

func TestRqliteRefusesWhatTxCannotDo(t *testing.T) {
	nodes := emptyNodes(t)
	nodes.run("CREATE TABLE written (text TEXT)")
	hooks := nodes.open()
	endpoint := inbox(t, hooks)
	var use func(context.Context, *knocker.Tx) error
	endpoint.On("*", func(ctx context.Context, tx *knocker.Tx, _ *knocker.Event) error { return use(ctx, tx) })
	executes := func(query string, arguments ...any) func(context.Context, *knocker.Tx) error {
		return func(ctx context.Context, tx *knocker.Tx) error {
			_, err := tx.ExecContext(ctx, query, arguments...)
			return err
		}
	}
	for name, one := range map[string]func(context.Context, *knocker.Tx) error{
		"a read":           executes("SELECT 1"),
		"a setting":        executes("/* INSERT */ PRAGMA user_version = 1"),
		"a commit":         executes("COMMIT"),
		"a table":          executes("CREATE TABLE more (text TEXT)"),
		"two statements":   executes("INSERT INTO written VALUES ('a;'); COMMIT"),
		"a text as a BLOB": executes("INSERT INTO written VALUES (?)", " X'00' "),
		"a random number":  executes("INSERT INTO written VALUES (random())"),
		"the time of day":  executes("INSERT INTO written VALUES (datetime(?))", "now"),
		"its short form":   executes("INSERT INTO written VALUES (Current_Timestamp)"),
		"a time, empty":    executes("WITH t AS (SELECT unixepoch ( ) AS at) INSERT INTO written SELECT at FROM t"),
		"a read in WITH":   executes("WITH t AS (SELECT 1) SELECT * FROM t"),
		"a name":           executes("INSERT INTO written VALUES (:text)", sql.Named("text", "a")),
		"no value of SQL":  executes("INSERT INTO written VALUES (?)", struct{}{}),
		"rows": func(ctx context.Context, tx *knocker.Tx) error {
			_, err := tx.QueryContext(ctx, "SELECT 1")
			return err
		},
		"a row": func(ctx context.Context, tx *knocker.Tx) error {
			var one int
			return tx.QueryRowContext(ctx, "SELECT 1").Scan(&one)
		},
		"a prepared statement": func(ctx context.Context, tx *knocker.Tx) error {
			_, err := tx.PrepareContext(ctx, "INSERT INTO written VALUES ('a')")
			return err
		},
		"a transaction for a library": func(ctx context.Context, tx *knocker.Tx) error {
			_, err := tx.SQL(ctx)
			return err
		},
		"the id of a row": func(ctx context.Context, tx *knocker.Tx) error {
			result, err := tx.ExecContext(ctx, "INSERT INTO written VALUES ('a')")
			if err == nil {
				_, err = result.LastInsertId()
			}
			return err
		},
	} {
		use = one
		ingest(t, endpoint, "x")
		attempts := knockertest.Drain(t, hooks)
		equal(t, name, statuses(attempts), []string{"failed"})
		isError(t, name, attempts[0].Err, knocker.ErrUsage)
		if name == "a table" && !strings.Contains(attempts[0].Err.Error(), "make tables beforehand, with /db/execute") {
			t.Error(attempts[0].Err)
		}
	}
	use = func(ctx context.Context, tx *knocker.Tx) error {
		if err := executes("INSERT INTO written VALUES ('a')")(ctx, tx); err != nil {
			return err
		}
		return executes("INSERT INTO nowhere VALUES ('a')")(ctx, tx)
	}
	// What asks for no time of its own is written.
	taken := use
	use = executes("INSERT INTO written SELECT 'now; ' || date(?) -- random()\n;", "2026-01-02 03:04:05")
	ingest(t, endpoint, "x")
	equal(t, "a date", statuses(knockertest.Drain(t, hooks)), []string{"handled"})
	equal(t, "written", nodes.run("SELECT * FROM written"), []any{"now; 2026-01-02"})
	nodes.run("DELETE FROM written")
	use = taken
	// rqlite would commit the one beside the other.
	ingest(t, endpoint, "x")
	attempts := knockertest.Drain(t, hooks)
	if !strings.Contains(attempts[0].Err.Error(), "no such table: nowhere") {
		t.Error(attempts[0].Err)
	}
	equal(t, "written", nodes.run("SELECT * FROM written"), nil)

	var kept *knocker.Tx
	use = func(_ context.Context, tx *knocker.Tx) error {
		kept = tx
		return nil
	}
	ingest(t, endpoint, "x")
	knockertest.Drain(t, hooks)
	_, err := kept.Exec("INSERT INTO written VALUES ('a')")
	isError(t, "after the attempt", err, knocker.ErrClosed)
}

// What was done and not answered is asked for again, at another node.
func TestRqliteAnswersThatGetLostDoNoHarm(t *testing.T) {
	nodes := emptyNodes(t)
	nodes.run("CREATE TABLE orders (id INTEGER)")
	address, way := nodes.losing()
	log := &journal{}
	hooks := openAt(t, address, knocker.Logger(log.logger()), knocker.BusyTimeout(patience))
	endpoint := github(t, hooks)
	var decision error
	endpoint.On("*", func(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?)", event.ID); err != nil {
			return err
		}
		return decision
	})
	for n, one := range []struct {
		word     string
		decision error
		status   string
	}{
		{"knocker_store", nil, "handled"},
		{"knocker_claim", nil, "handled"},
		{"knocker_handled", nil, "handled"},
		{"knocker_failed", errors.New("not now"), "failed"},
		{"knocker_failed", knocker.Dead("never"), "dead"},
		{"knocker_skipped", knocker.Ignore("of no interest"), "ignored"},
	} {
		decision = one.decision
		way.loses(one.word)
		// What is stored is stored once, and a duplicate for who sends it again.
		expected := knocker.ReceiptAccepted
		if one.word == "knocker_store" {
			expected = knocker.ReceiptDuplicate
		}
		if outcome := receive(t, endpoint, n).Outcome; outcome != expected {
			t.Errorf("%s lost: %s", one.word, outcome)
		}
		equal(t, one.word+" lost", statuses(knockertest.Drain(t, hooks)), []string{one.status})
		if lost := int(way.lost.Load()); lost != n+1 {
			t.Errorf("%d answers were lost, expected %d", lost, n+1)
		}
	}
	equal(t, "orders", nodes.run("SELECT id FROM orders ORDER BY id"), []any{1.0, 2.0, 3.0})
	if strings.Contains(log.String(), "lease_lost") {
		t.Error(log.String())
	}
}

func TestRqliteAReceiptWhoseAnswerNeverComesBackIs503AndItsRetryADuplicate(t *testing.T) {
	nodes := emptyNodes(t)
	address, way := nodes.losing()
	hooks := openAt(t, address, knocker.Logger(quiet()), knocker.BusyTimeout(time.Second))
	endpoint := github(t, hooks)
	sent := push(t, endpoint, 1)
	serve := func() *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodPost, "/webhooks/github", strings.NewReader(string(sent.Body)))
		request.Header = sent.Header.Clone()
		answer := httptest.NewRecorder()
		endpoint.ServeHTTP(answer, request)
		return answer
	}
	way.losesAll("knocker_store")
	answer := serve()
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", answer.Code, answer.Header())
	}
	if lost := way.lost.Load(); lost < 2 {
		t.Errorf("it was asked for %d times", lost)
	}
	way.loses("")
	if answer := serve(); answer.Code != http.StatusOK {
		t.Error(answer.Code, answer.Body)
	}
	equal(t, "events", nodes.run("SELECT count(*) FROM knocker_events"), []any{1.0})
	outcomes := nodes.run("SELECT DISTINCT outcome FROM knocker_deliveries ORDER BY outcome")
	equal(t, "outcomes", outcomes, []any{"accepted", "duplicate"})
}

func TestRqliteWorkersOfSeveralHooksShareTheEvents(t *testing.T) {
	nodes := emptyNodes(t)
	nodes.run("CREATE TABLE orders (id INTEGER)")
	all := nodes.openAll(3)
	endpoint := inbox(t, all[0])
	const events = 60
	handled := make(chan int64, 2*events)
	for _, hooks := range all[1:] {
		theirs := must[*knocker.Endpoint](t)(hooks.ExistingEndpoint("inbox"))
		theirs.On("order", func(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?)", event.ID)
			handled <- event.ID
			return err
		})
		working(t, hooks, knocker.Concurrency(2), knocker.Poll(20*time.Millisecond))
	}
	for range events {
		ingest(t, endpoint, "order")
	}
	for range events {
		waitFor(t, "an event is handled", handled)
	}
	until(t, "all are handled", func() bool {
		return nodes.run("SELECT count(*) FROM knocker_events WHERE status = 'handled'")[0] == 60.0
	})
	equal(t, "orders, and how often", nodes.run("SELECT count(*) || ' ' || count(DISTINCT id) FROM orders"), []any{"60 60"})
}

func TestRqliteKeepsTheLeaseOfALongHandlerAndTellsOneThatIsLost(t *testing.T) {
	nodes := emptyNodes(t)
	hooks := nodes.open()
	endpoint := inbox(t, hooks)
	began, lost := make(chan int64, 1), make(chan error, 1)
	endpoint.On("*", func(ctx context.Context, _ *knocker.Tx, event *knocker.Event) error {
		began <- event.ID
		<-ctx.Done()
		lost <- context.Cause(ctx)
		return nil
	})
	id := ingest(t, endpoint, "x")
	working(t, hooks, knocker.Lease(time.Second))
	waitFor(t, "the handler runs", began)
	until := nodes.run("SELECT lease_expires_at FROM knocker_jobs")[0].(float64)
	untilExtended(t, nodes, until)
	if _, err := hooks.Ignore(context.Background(), id, "an operator", knocker.Force()); err != nil {
		t.Fatal(err)
	}
	isError(t, "what the handler is told", waitFor(t, "the lease is lost", lost), knocker.ErrLeaseLost)
	equal(t, "events", eventStatuses(t, hooks), []knocker.EventStatus{knocker.EventIgnored})
}

func untilExtended(t *testing.T, nodes *rqliteNodes, before float64) {
	t.Helper()
	until(t, "the lease is extended", func() bool { return nodes.run("SELECT lease_expires_at FROM knocker_jobs")[0].(float64) > before })
}

func TestRqliteTellsOfAnAttemptWhoseWorkerDied(t *testing.T) {
	nodes := emptyNodes(t)
	clock, log := knockertest.NewClock(), &journal{}
	hooks := nodes.open(clock.Option(), knocker.Logger(log.logger()))
	endpoint := inbox(t, hooks)
	endpoint.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return nil })
	ingest(t, endpoint, "x")
	if claimed, err := hooks.Leases("dead").Claim(context.Background(), 1, time.Minute); err != nil || claimed != 1 {
		t.Fatal(claimed, err)
	}
	clock.Advance(time.Hour)
	equal(t, "attempts", statuses(knockertest.Drain(t, hooks)), []string{"handled"})
	equal(t, "results", results(t, hooks), []knocker.AttemptResult{knocker.AttemptLeaseExpired, knocker.AttemptHandled})
	if told := strings.Count(log.String(), "code=lease_lost"); told != 1 {
		t.Errorf("told %d times:\n%s", told, log)
	}
}

func TestRqliteJudgesBySettingsThatAnotherProcessHasChanged(t *testing.T) {
	nodes := emptyNodes(t)
	all := nodes.openAll(2)
	endpoint := github(t, all[0])
	if outcome := receive(t, endpoint, 1).Outcome; outcome != knocker.ReceiptAccepted {
		t.Error(outcome)
	}
	if err := all[1].UpdateEndpoint(context.Background(), "github", knocker.Enabled(false)); err != nil {
		t.Fatal(err)
	}
	if outcome := receive(t, endpoint, 2).Outcome; outcome != knocker.ReceiptDisabled {
		t.Error(outcome)
	}
}
