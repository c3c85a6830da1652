// Command bench prints what the Go package costs on this machine, each figure beside what it is compared with. Its argument is a folder on the disk to
// measure; by default it is the one for temporary files.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/knocker/knocker-go"
)

const secret = "test-secret"

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	if len(os.Args) == 4 && os.Args[1] == "receive-for" {
		// Another process, whose receipts wake a worker of this one.
		check(receiveFor(os.Args[2], os.Args[3]))
		return
	}
	if len(os.Args) == 5 && os.Args[1] == "drain" {
		check(drainAs(os.Args[2], os.Args[3], os.Args[4]))
		return
	}
	if len(os.Args) == 4 && os.Args[1] == "beside" {
		beside(os.Args[2], os.Args[3])
		return
	}
	parent := ""
	if len(os.Args) > 1 {
		parent = os.Args[1]
	}
	folder, err := os.MkdirTemp(parent, "knocker-bench-")
	check(err)
	defer func() { _ = os.RemoveAll(folder) }()
	fmt.Printf("%s, synchronous=FULL, signed GitHub requests of 1 kB\n", runtime.Version())
	fmt.Println("by hand: one insert and one commit a request, on one connection, or on the pool as database/sql gives it")
	var below []string
	below = append(below, receives(folder)...)
	below = append(below, serving(folder)...)
	below = append(below, working(folder)...)
	below = append(below, drains(folder)...)
	otherWriters(folder)
	for _, goal := range below {
		fmt.Println("below the goal:", goal)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func requestOf(n int) *knocker.WebhookRequest {
	body := []byte(fmt.Sprintf(`{"ref": "refs/heads/main", "pad": "%s", "n": %d}`, strings.Repeat("x", 1000), n))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return &knocker.WebhookRequest{URL: "/webhooks/github", Body: body, Header: http.Header{
		"X-Github-Event": {"push"}, "X-Github-Delivery": {strconv.Itoa(n)}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))},
	}}
}

// rate is how many calls a second so many goroutines make that call one after the other.
func rate(callers, total int, work func(n int)) float64 {
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range callers {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := int(next.Add(1)); n <= total; n = int(next.Add(1)) {
				work(n)
			}
		}()
	}
	all.Wait()
	return float64(total) / time.Since(began).Seconds()
}

func open(path string) (*knocker.Hooks, *knocker.Endpoint) {
	hooks, err := knocker.Open(path)
	check(err)
	endpoint, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets(secret))
	check(err)
	return hooks, endpoint
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

// rounds are taken in turn, each on new files: what else the machine and its disk do falls on both sides alike.
const rounds = 3

// median of what the rounds gave.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func receives(folder string) (below []string) {
	fmt.Printf("\n%-26s%10s%16s%14s%10s%10s\n", "receives/s", "Knocker", "one connection", "the pool", "ratio", "ratio")
	for _, run := range []struct {
		callers, total   int
		toOne, toThePool float64
	}{{1, 1000, 0.8, 0}, {8, 4000, 0, 0}, {64, 15000, 6, 20}} {
		var knockers, ones, pools, toOne, toThePool []float64
		for range rounds {
			knocker, one, pool := receivesOf(folder, run.callers, run.total)
			knockers, ones, pools = append(knockers, knocker), append(ones, one), append(pools, pool)
			toOne, toThePool = append(toOne, knocker/one), append(toThePool, knocker/pool)
		}
		name := fmt.Sprintf("%d goroutines", run.callers)
		fmt.Printf("%-26s%10.0f%16.0f%14.0f%9.1fx%9.1fx\n", name, median(knockers), median(ones), median(pools), median(toOne), median(toThePool))
		if median(toOne) < run.toOne {
			below = append(below, fmt.Sprintf("%s: %.2f times one connection by hand, goal %v", name, median(toOne), run.toOne))
		}
		if median(toThePool) < run.toThePool {
			below = append(below, fmt.Sprintf("%s: %.1f times the pool by hand, goal %v", name, median(toThePool), run.toThePool))
		}
	}
	return below
}

// receivesOf is one round: Knocker, one connection by hand, and the pool by hand.
func receivesOf(parent string, callers, total int) (knockers, one, pool float64) {
	folder, err := os.MkdirTemp(parent, "round-")
	check(err)
	requests := make([]*knocker.WebhookRequest, total+1)
	for n := range requests {
		requests[n] = requestOf(n)
	}
	hooks, endpoint := open(filepath.Join(folder, "knocker.db"))
	knockers = rate(callers, total, func(n int) {
		_, err := endpoint.Receive(context.Background(), requests[n])
		check(err)
	})
	check(hooks.Close())
	byHandOn := func(name string, connections int) float64 {
		store, closeIt := byHand(filepath.Join(folder, name), connections)
		defer closeIt()
		return rate(callers, min(total, 2000), func(n int) { store(requests[n], n) })
	}
	return knockers, byHandOn("one.db", 1), byHandOn("pool.db", 0)
}
