// Command bench prints what the Go package costs on this machine, each figure beside what it is compared with. Its argument is a folder on the disk to
// measure; by default it is the one for temporary files.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
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
	if len(os.Args) == 6 && os.Args[1] == "way" {
		check(elsewhereAs(os.Args[2], os.Args[3], os.Args[4], os.Args[5]))
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
	var all judged
	floor := receives(folder, &all)
	serving(folder, floor, &all)
	below := all.missed
	below = append(below, working(folder)...)
	below = append(below, drains(folder)...)
	otherWriters(folder)
	for _, words := range all.told {
		fmt.Println("against the floor:", words)
	}
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

func jsonOf(value any) string {
	encoded, err := json.Marshal(value)
	check(err)
	return string(encoded)
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

// rounds are taken in turn, each on new files: what else the machine and its disk do falls on both sides alike.
const rounds = 3

// median of what the rounds gave.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
