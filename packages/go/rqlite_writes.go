package knocker

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"time"

	"github.com/knocker/knocker-go/internal/rqlite"
)

// rqliteWrites are what handlers write through tx, where it is sent with the verdict, in one request: they happen together, or not at all. Nothing
// can be read of them before.
type rqliteWrites struct {
	cluster *rqliteCluster

	mu         sync.Mutex
	statements []rqlite.Statement
	over       bool
}

var (
	errWritesOnly = usage("tx is sent to the nodes with the verdict, in one request, and takes writes alone: read what is committed through these hooks or " +
		"from rqlite itself, and write with ExecContext")
	errNotKnownYet = usage("the write is sent to the nodes with the verdict, and what it changes is not known before")
)

// add takes a write, once the leader has said that it could be one: a statement that cannot even be prepared would not keep the nodes from the rest.
func (w *rqliteWrites) add(ctx context.Context, query string, arguments []any) (sql.Result, error) {
	values, err := boundValues(arguments)
	if err != nil {
		return nil, err
	}
	if whyNot := rqlite.WhyNotWritten(query, values); whyNot != "" {
		return nil, usage("tx on the nodes of rqlite: %s; what is written is sent with the verdict, in one request", whyNot)
	}
	statement := rqlite.Statement{SQL: query, Values: values}
	if err := w.refuseOver(); err != nil {
		return nil, err
	}
	if err := w.cluster.explain(ctx, statement); err != nil {
		return nil, err
	}
	if err := w.refuseOver(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statements = append(w.statements, statement)
	return notKnownYet{}, nil
}

func (w *rqliteWrites) refuseOver() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return errOver
	}
	return nil
}

// end takes no more, and gives what there is.
func (w *rqliteWrites) end() []rqlite.Statement {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	return w.statements
}

// boundValues are the values as SQLite has them.
func boundValues(arguments []any) ([]any, error) {
	values := make([]any, len(arguments))
	for i, argument := range arguments {
		if _, isNamed := argument.(sql.NamedArg); isNamed {
			return nil, usage("value %d of a write has a name: the nodes take values by their places", i+1)
		}
		value, err := driver.DefaultParameterConverter.ConvertValue(argument)
		if err != nil {
			return nil, usage("value %d of a write: %v", i+1, err)
		}
		if like, isText := value.(string); isText && rqlite.LooksLikeBlob(like) {
			return nil, usage("value %d of a write is a text of the form x'…', which rqlite takes for a BLOB: give it as []byte and write CAST(? AS TEXT)", i+1)
		}
		if moment, isTime := value.(time.Time); isTime {
			// As the driver for files writes it.
			value = moment.Format("2006-01-02 15:04:05.999999999-07:00")
		}
		values[i] = value
	}
	return values, nil
}

// notKnownYet is the result of a write that is not done yet.
type notKnownYet struct{}

func (notKnownYet) LastInsertId() (int64, error) { return 0, errNotKnownYet }
func (notKnownYet) RowsAffected() (int64, error) { return 0, errNotKnownYet }

// explain has the leader prepare the statement. What could be prepared once is not asked for again.
func (k *rqliteCluster) explain(ctx context.Context, statement rqlite.Statement) error {
	if _, known := k.prepared.Load(statement.SQL); known {
		return nil
	}
	_, err := k.read(ctx, k.nodes.Read, k.options.busyTimeout, rqlite.Statement{SQL: "EXPLAIN " + statement.SQL, Values: statement.Values})
	if err == nil {
		k.prepared.Store(statement.SQL, true)
	}
	return err
}

// rqliteVerdict is the session that a verdict is written in: the writes go before it in its transaction.
type rqliteVerdict struct {
	*rqliteCluster
	job    *Job
	writes []rqlite.Statement
}

func (v rqliteVerdict) call(function string, arguments ...driver.Value) (driver.Value, error) {
	statements := append(v.writes[:len(v.writes):len(v.writes)], rqliteCall(function, arguments))
	// What ends the worker lets running handlers finish, and their verdicts.
	ctx := context.Background()
	done, err := v.nodes.Write(ctx, verdictPatience, statements...)
	err = v.problemOf(done, err)
	if errors.Is(err, ErrLeaseLost) && done.IsRepeat {
		return v.found(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	return firstOf(done.Rows[len(statements)-1]), nil
}

func (v rqliteVerdict) rows(string, ...driver.Value) ([][]driver.Value, error) {
	return nil, errWritesOnly
}

// found reads whether an earlier try has written the verdict: what is written once is leased no more.
func (v rqliteVerdict) found(ctx context.Context, lost error) (driver.Value, error) {
	rows, err := v.read(ctx, v.nodes.Write, verdictPatience, rqlite.Statement{
		SQL:    "SELECT result FROM knocker_attempts WHERE event_id = ? AND attempt = ? AND worker = ? ORDER BY id DESC LIMIT 1",
		Values: []any{v.job.Event.ID, int64(v.job.Event.Attempt), v.job.Worker},
	})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || text(rows[0][0]) == string(AttemptLeaseExpired) {
		return nil, lost
	}
	return jsonText(map[string]string{"status": text(rows[0][0])}), nil
}
