package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/knocker/knocker-go"
)

// floors are what the library does alone, with no package around it, in receives a second: all in one transaction, and with a commit for each.
type floors struct {
	shared float64
	// lone by the delay of a sync.
	lone map[int]float64
}

// receives measures receives a second, without HTTP, against by hand on the same disks.
func receives(folder string, all *judged) floors {
	fmt.Printf("\n%-42s%10s%16s%14s%23s%17s\n", "receives/s", "Knocker", "one connection", "the pool", "ratio, one connection", "ratio, the pool")
	floor := floors{shared: libraryRow(folder, "the library, all in one transaction", "receives by the library", 0, 8000), lone: map[int]float64{}}
	for _, delay := range delays() {
		each := "the library, a commit each, " + diskOf(delay)
		floor.lone[delay] = libraryRow(folder, each, "receives by the library, a commit each", delay, min(1000, fewOf(delay)))
		for _, run := range []struct {
			callers, total, slowTotal int
			toOne, toThePool, least   float64
		}{{1, 1000, 200, 0.96, 0, leastOfLone}, {8, 4000, 800, 0, 0, leastOfFloor}, {64, 15000, 5000, 7.2, 24, leastOfFloor}} {
			total, few := run.total, fewOf(delay)
			if delay > 0 {
				total = run.slowTotal
			}
			var ours, ones, pools, toOne, toThePool []float64
			for range rounds {
				knocker := elsewhere(folder, "receives", delay, run.callers, total)
				one := elsewhere(folder, "receives by hand", delay, run.callers, min(total, few))
				pool := elsewhere(folder, "receives by hand on the pool", delay, run.callers, min(total, few))
				ours, ones, pools = append(ours, knocker), append(ones, one), append(pools, pool)
				toOne, toThePool = append(toOne, knocker/one), append(toThePool, knocker/pool)
			}
			name := fmt.Sprintf("%d goroutines, %s", run.callers, diskOf(delay))
			fmt.Printf("%-42s%10.0f%16.0f%14.0f%22.2fx%16.1fx\n", name, median(ours), median(ones), median(pools), median(toOne), median(toThePool))
			most := floor.shared
			if run.callers == 1 {
				most = floor.lone[delay]
			}
			all.judge(goal{name, run.toOne, "one connection by hand", most, run.least, ""}, median(ours), median(ones), median(toOne))
			all.judge(goal{name, run.toThePool, "the pool by hand", most, run.least, ""}, median(ours), median(pools), median(toThePool))
		}
	}
	return floor
}

// fewOf is how many have a commit each in a round.
func fewOf(delay int) int {
	if delay > 0 {
		return 200
	}
	return 2000
}

// libraryRow measures one of the floors against one connection by hand.
func libraryRow(folder, what, name string, delay, total int) float64 {
	var ours, ones, ratios []float64
	for range rounds {
		library, one := elsewhere(folder, name, delay, 1, total), elsewhere(folder, "receives by hand", delay, 1, min(total, 1000))
		ours, ones, ratios = append(ours, library), append(ones, one), append(ratios, library/one)
	}
	fmt.Printf("%-42s%10.0f%16.0f%14s%22.2fx%17s\n", what, median(ours), median(ones), "-", median(ratios), "-")
	return median(ours)
}

func requestsOf(total int) []*knocker.WebhookRequest {
	requests := make([]*knocker.WebhookRequest, total+1)
	for n := range requests {
		requests[n] = requestOf(n)
	}
	return requests
}

func receivesByKnocker(folder string, callers, total int) float64 {
	requests := requestsOf(total)
	hooks, endpoint := open(filepath.Join(folder, "knocker.db"))
	defer func() { check(hooks.Close()) }()
	return rate(callers, total, func(n int) {
		_, err := endpoint.Receive(context.Background(), requests[n])
		check(err)
	})
}

// receivesByHand on so many connections, 0 for as many as database/sql opens.
func receivesByHand(connections int) way {
	return func(folder string, callers, total int) float64 {
		requests := requestsOf(total)
		store, closeIt := byHand(filepath.Join(folder, "hand.db"), connections)
		defer closeIt()
		return rate(callers, total, func(n int) { store(requests[n], n) })
	}
}

// byHand is what people write: a table with a unique key, one insert and one commit a request.
func byHand(path string, connections int) (store func(*knocker.WebhookRequest, int), closeIt func()) {
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=30000")
	check(err)
	db.SetMaxOpenConns(connections)
	_, err = db.Exec("CREATE TABLE IF NOT EXISTS deliveries (id INTEGER PRIMARY KEY, key TEXT UNIQUE, received_at INTEGER, headers TEXT, body BLOB)")
	check(err)
	insert, err := db.Prepare("INSERT OR IGNORE INTO deliveries (key, received_at, headers, body) VALUES (?, ?, ?, ?)")
	check(err)
	return func(r *knocker.WebhookRequest, n int) {
		_, err := insert.Exec(strconv.Itoa(n), time.Now().UnixMilli(), fmt.Sprint(r.Header), r.Body)
		check(err)
	}, func() { _ = db.Close() }
}

// receivesByTheLibrary is what the library judges and stores with no package around it, one after the other in one transaction.
func receivesByTheLibrary(folder string, _, total int) float64 {
	return byTheLibrary(folder, total, "SELECT knocker_store('github', knocker_judge('github', ?, ?, ?, ?))", "BEGIN IMMEDIATE", "COMMIT")
}

// receivesByTheLibraryEach is the same with a commit for each.
func receivesByTheLibraryEach(folder string, _, total int) float64 {
	return byTheLibrary(folder, total, "SELECT knocker_receive('github', ?, ?, ?, ?)")
}

// libraryOn opens a connection of the driver's with the library in it, and no package around it. closed is to be called after its use.
func libraryOn(path string) (connection *sql.Conn, closed func()) {
	check(knocker.Register("sqlite3_knocker"))
	db, err := sql.Open("sqlite3_knocker", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL")
	check(err)
	// In place of the pool, of which each statement takes a connection.
	connection, err = db.Conn(context.Background())
	check(err)
	return connection, func() { check(errors.Join(connection.Close(), db.Close())) }
}

// byTheLibrary runs the function for each request, between the two statements if they are given.
func byTheLibrary(folder string, total int, function string, around ...string) float64 {
	path := filepath.Join(folder, "library.db")
	hooks, _ := open(path)
	check(hooks.Close())
	connection, closed := libraryOn(path)
	defer closed()
	ctx := context.Background()
	receive, err := connection.PrepareContext(ctx, function)
	check(err)
	heads := make([]string, total+1)
	for n := range heads {
		heads[n] = headOf(requestOf(n))
	}
	requests := requestsOf(total)
	secrets := fmt.Sprintf("[%q]", secret)
	begun := time.Now()
	if around != nil {
		_, err = connection.ExecContext(ctx, around[0])
		check(err)
	}
	for n := range total {
		var said []byte
		check(receive.QueryRowContext(ctx, heads[n], requests[n].Body, secrets, time.Now().UnixMilli()).Scan(&said))
	}
	if around != nil {
		_, err = connection.ExecContext(ctx, around[1])
		check(err)
	}
	return float64(total) / time.Since(begun).Seconds()
}

// headOf is what the functions of the library take of a request, beside its body.
func headOf(request *knocker.WebhookRequest) string {
	return jsonOf(map[string]any{"method": http.MethodPost, "url": request.URL, "headers": request.Header})
}
