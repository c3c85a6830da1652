package knocker

import (
	"context"
	"database/sql/driver"
	"strings"
	"sync"
	"time"

	"github.com/knocker/knocker-go/internal/rqlite"
)

// rqliteCluster is what hooks have instead of a file: the nodes of rqlite, each with a file of its own, and a mirror of the endpoints' settings, over
// which requests are judged here. So no secret is in what the nodes write down.
type rqliteCluster struct {
	nodes   *rqlite.Nodes
	options *openOptions
	now     func() driver.Value
	// changed is called when the mirror is to be opened anew.
	changed func()

	mu       sync.Mutex
	mirrored map[string]string
	// prepared are the writes of handlers that the leader could prepare.
	prepared sync.Map
}

// openRqlite gives a database that is on the nodes.
func openRqlite(text string, o *openOptions) (*database, error) {
	address, err := rqlite.ParseAddress(text)
	if err != nil {
		return nil, usage("Open: %v", err)
	}
	switch {
	case o.replicated != "":
		return nil, usage("Open(%q): Replicated is for a file with a Litestream beside it; what rqlite acknowledges is on most of its nodes", address)
	case o.synchronous != "FULL":
		return nil, usage("Open(%q): SynchronousNormal is for a file; how the nodes write is their own setting", address)
	}
	cluster := &rqliteCluster{nodes: rqlite.NewNodes(address), options: o}
	d := newDatabase(address.String(), o, cluster)
	cluster.now, cluster.changed = d.now, func() { d.generation.Add(1) }
	if _, err = d.call(context.Background(), "knocker_bootstrap"); err == nil {
		err = d.refreshMirror(context.Background())
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// readingFunctions are those that only read: nothing is written for them.
var readingFunctions = map[string]bool{"knocker_next_due": true, "knocker_stats": true, "knocker_metrics": true}

// rqliteSession is a session of one caller.
type rqliteSession struct {
	*rqliteCluster
	ctx context.Context
}

func (k *rqliteCluster) session(ctx context.Context) rqliteSession { return rqliteSession{k, ctx} }

func (s rqliteSession) call(function string, arguments ...driver.Value) (driver.Value, error) {
	ask := s.nodes.Write
	if readingFunctions[function] {
		ask = s.nodes.Read
	}
	done, err := ask(s.ctx, s.options.busyTimeout, rqliteCall(function, arguments))
	if err = s.problemOf(done, err); err != nil {
		return nil, err
	}
	if function == "knocker_endpoint" {
		if err := s.refresh(s.ctx); err != nil {
			return nil, err
		}
	}
	return firstOf(done.Rows[0]), nil
}

func (s rqliteSession) rows(sql string, arguments ...driver.Value) ([][]driver.Value, error) {
	found, err := s.read(s.ctx, s.nodes.Read, s.options.busyTimeout, rqlite.Statement{SQL: bodyAsHex(sql), Values: plainValues(arguments)})
	if err != nil {
		return nil, err
	}
	return found, bodyOfHex(sql, found)
}

type rqliteAsk func(ctx context.Context, patience time.Duration, statements ...rqlite.Statement) (rqlite.Outcome, error)

func (k *rqliteCluster) read(ctx context.Context, ask rqliteAsk, patience time.Duration, statement rqlite.Statement) ([][]driver.Value, error) {
	done, err := ask(ctx, patience, statement)
	if err = k.problemOf(done, err); err != nil {
		return nil, err
	}
	return valuesOf(done.Rows[0]), nil
}

func rqliteCall(function string, arguments []driver.Value) rqlite.Statement {
	return rqlite.Call(function, plainValues(arguments)...)
}

func plainValues(arguments []driver.Value) []any {
	values := make([]any, len(arguments))
	for i, argument := range arguments {
		values[i] = argument
	}
	return values
}

func valuesOf(rows [][]any) [][]driver.Value {
	all := make([][]driver.Value, len(rows))
	for i, row := range rows {
		all[i] = make([]driver.Value, len(row))
		for j, value := range row {
			all[i][j] = value
		}
	}
	return all
}

func firstOf(rows [][]any) driver.Value {
	if len(rows) == 0 {
		return nil
	}
	return rows[0][0]
}

// problemOf is what is wrong with what became of a request; nil where it is done.
func (k *rqliteCluster) problemOf(done rqlite.Outcome, err error) error {
	if err != nil {
		return err
	}
	switch done.Meaning {
	case rqlite.Done:
		return nil
	case rqlite.Refused, rqlite.Torn:
		if strings.Contains(done.Why, "no such function: knocker_") {
			done.Why += " (a node has no Knocker: start each with -extensions-path, the folder of the library)"
		}
		return errorFromSQLite(resultOf(done.Why), done.Why, nil)
	case rqlite.Forbidden:
		return usage("%s takes no such request: %s; are user, password and scheme right?", k.nodes, done.Why)
	}
	what := "no node of " + k.nodes.String() + " took it"
	if done.IsRepeat {
		what += ", and it may be done all the same"
	}
	return newError("cluster_unavailable", what+": "+done.Why, nil)
}

// resultOf is SQLite's result code for a text of its own: rqlite passes on the text alone.
func resultOf(why string) int {
	for code, told := range map[int]string{
		5: "database is locked", 8: "attempt to write a readonly database", 9: "interrupted", 10: "disk I/O error", 11: "database disk image is malformed",
		13: "database or disk is full",
	} {
		if strings.HasPrefix(why, told) {
			return code
		}
	}
	return 1
}
