package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/knocker/knocker-go"
)

// drainWay is what it is called at the head of a table, the way, and how many handlers run at once.
type drainWay struct {
	name, way   string
	concurrency int
}

var drainWays = []drainWay{
	{"by hand", "drain by hand", 1}, {"apart", "drain apart", 1}, {"shared", "drain", 1}, {"4 at once", "drain", 4}, {"the library", "drain by the library", 1},
}

// drains measures a backlog worked off, with shared commits and without, beside a table worked off by hand with one commit a job, on slow disks too.
// Each figure is of a process of its own, because the delay of a sync is preloaded into it.
func drains(folder string) (below []string) {
	fmt.Printf("\n%-40s", "events handled/s, syncs delayed by")
	for _, way := range drainWays {
		fmt.Printf("%13s", way.name)
	}
	fmt.Printf("%16s\n", "shared/by hand")
	for _, delay := range delays() {
		figures, ratios := map[string][]float64{}, []float64{}
		for range rounds {
			round := map[string]float64{}
			for _, way := range drainWays {
				total := 4000
				if delay > 0 && (way.name == "by hand" || way.name == "apart") {
					total = 600
				}
				round[way.name] = elsewhere(folder, way.way, delay, way.concurrency, total)
				figures[way.name] = append(figures[way.name], round[way.name])
			}
			ratios = append(ratios, round["shared"]/round["by hand"])
		}
		fmt.Printf("%-40s", fmt.Sprintf("%d ms", delay))
		for _, way := range drainWays {
			fmt.Printf("%13.0f", median(figures[way.name]))
		}
		fmt.Printf("%15.1fx\n", median(ratios))
		goal := 1.5
		if delay > 0 {
			goal = 10
		}
		if median(ratios) < goal {
			below = append(below, fmt.Sprintf("a backlog at syncs of %d ms: %.1f times by hand, goal %v", delay, median(ratios), goal))
		}
	}
	return below
}

// drainByHand is what people write: the oldest waiting row, the handler's row and the row's new state in one commit, and the next one.
func drainByHand(folder string, _, total int) float64 {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(folder, "hand.db")+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate")
	check(err)
	defer func() { check(db.Close()) }()
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE inbox (id INTEGER PRIMARY KEY, headers TEXT, body BLOB, state TEXT NOT NULL);
		CREATE INDEX waiting ON inbox (id) WHERE state = 'waiting'; CREATE TABLE orders (id INTEGER)`)
	check(err)
	filling, err := db.Begin()
	check(err)
	for n := range total {
		request := requestOf(n)
		headers, err := json.Marshal(request.Header)
		check(err)
		_, err = filling.Exec("INSERT INTO inbox (headers, body, state) VALUES (?, ?, 'waiting')", headers, request.Body)
		check(err)
	}
	check(filling.Commit())
	prepared := func(query string) *sql.Stmt {
		statement, err := db.Prepare(query)
		check(err)
		return statement
	}
	next := prepared("SELECT id, headers, body FROM inbox WHERE state = 'waiting' ORDER BY id LIMIT 1")
	order, handled := prepared("INSERT INTO orders VALUES (?)"), prepared("UPDATE inbox SET state = 'handled' WHERE id = ?")
	began, done := time.Now(), 0
	for {
		var id int64
		var headers, body []byte
		if err := next.QueryRow().Scan(&id, &headers, &body); errors.Is(err, sql.ErrNoRows) {
			break
		} else {
			check(err)
		}
		var header http.Header
		check(json.Unmarshal(headers, &header))
		tx, err := db.Begin()
		check(err)
		_, err = tx.Stmt(order).Exec(id)
		check(err)
		_, err = tx.Stmt(handled).Exec(id)
		check(err)
		check(tx.Commit())
		done++
	}
	took := time.Since(began)
	if done != total {
		check(fmt.Errorf("%d handled of %d", done, total))
	}
	return float64(total) / took.Seconds()
}

// drainByTheLibrary is what the library does of that with no package around it: so many events in one commit, each in a savepoint with its verdict, and
// the next ones claimed by the same commit.
func drainByTheLibrary(folder string, _, total int) float64 {
	const shared, worker = 32, "bench"
	path := filepath.Join(folder, "library.db")
	backlog(path, total)
	connection, closed := libraryOn(path)
	defer closed()
	prepared := func(query string) *sql.Stmt {
		statement, err := connection.PrepareContext(context.Background(), query)
		check(err)
		return statement
	}
	execute := func(statement *sql.Stmt, arguments ...any) {
		_, err := statement.Exec(arguments...)
		check(err)
	}
	value := func(statement *sql.Stmt, arguments ...any) (found any) {
		check(statement.QueryRow(arguments...).Scan(&found))
		return found
	}
	begin, commit := prepared("BEGIN IMMEDIATE"), prepared("COMMIT")
	save, release := prepared("SAVEPOINT one"), prepared("RELEASE one")
	claim, order := prepared("SELECT knocker_claim(?, ?, 60)"), prepared("INSERT INTO orders VALUES (?)")
	handled := prepared("SELECT knocker_handled(?, ?, 0)")
	jobs := prepared("SELECT job_id, event_id, headers, body FROM knocker_jobs WHERE worker = ? || ''")
	claimed := func() (ids, events []int64) {
		found, err := jobs.Query(worker)
		check(err)
		for found.Next() {
			var id, event int64
			var headers, body []byte
			check(found.Scan(&id, &event, &headers, &body))
			ids, events = append(ids, id), append(events, event)
		}
		check(found.Err())
		return ids, events
	}
	began, done := time.Now(), 0
	value(claim, worker, shared)
	for ids, events := claimed(); len(ids) > 0; ids, events = claimed() {
		execute(begin)
		for n, id := range ids {
			execute(save)
			execute(order, events[n])
			value(handled, id, worker)
			execute(release)
			done++
		}
		value(claim, worker, shared)
		execute(commit)
	}
	took := time.Since(began)
	if done != total {
		check(fmt.Errorf("%d handled of %d", done, total))
	}
	return float64(total) / took.Seconds()
}

// backlog makes a file with a table of orders and so many events that wait.
func backlog(path string, total int) {
	hooks, endpoint := open(path)
	rate(32, total, func(n int) {
		_, err := endpoint.Receive(context.Background(), requestOf(n))
		check(err)
	})
	check(hooks.Close())
	db, err := sql.Open("sqlite3", "file:"+path)
	check(err)
	_, err = db.Exec("CREATE TABLE orders (id INTEGER)")
	check(errors.Join(err, db.Close()))
}

// drain works off as a worker does, each handler writing one row through tx.
func drain(folder string, concurrency, total int) float64 {
	return drainWith(folder, concurrency, total)
}

// drainApart is the same with a commit for each.
func drainApart(folder string, concurrency, total int) float64 {
	return drainWith(folder, concurrency, total, knocker.ShareCommits(false))
}

func drainWith(folder string, concurrency, total int, options ...knocker.WorkOption) float64 {
	path := filepath.Join(folder, fmt.Sprintf("drain-%d.db", concurrency))
	backlog(path, total)
	hooks, endpoint := open(path)
	defer func() { check(hooks.Close()) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	left := make(chan struct{}, total)
	endpoint.On("*", func(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?)", event.ID)
		left <- struct{}{}
		return err
	})
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- hooks.Work(ctx, append(options, knocker.Concurrency(concurrency))...) }()
	for range total {
		<-left
	}
	cancel()
	// Stopping waits for the last commit.
	check(<-done)
	took := time.Since(began)
	stats, err := hooks.Stats(context.Background())
	check(err)
	if stats.Events.Handled != int64(total) {
		check(fmt.Errorf("%d handled of %d", stats.Events.Handled, total))
	}
	return float64(total) / took.Seconds()
}
