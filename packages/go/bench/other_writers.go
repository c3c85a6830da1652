package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/knocker/knocker-go"
)

const (
	besideEvents = 16_000
	// One in so many handlers is slow, as one that calls an API, and takes so long.
	oneIn   = 20
	slowFor = 50 * time.Millisecond
)

// otherWriters has extension/bench/other-writers print how long small transactions of another process wait beside a worker, and the goals that were missed.
func otherWriters(folder string) {
	_, here, _, _ := runtime.Caller(0)
	self, err := os.Executable()
	check(err)
	measure := exec.Command(filepath.Join(filepath.Dir(here), "../../../extension/bench/other-writers"), folder, self, "beside")
	measure.Stdout, measure.Stderr = os.Stdout, os.Stderr
	check(measure.Run())
}

// beside is the worker that extension/bench/other-writers has another process write beside, which says what it is to do.
func beside(way, path string) {
	hooks, err := knocker.Open(path)
	check(err)
	defer func() { check(hooks.Close()) }()
	inbox, err := hooks.Endpoint("inbox")
	check(err)
	db, err := sql.Open("sqlite3", "file:"+path)
	check(err)
	_, err = db.Exec("CREATE TABLE notes (text TEXT); CREATE TABLE handled (id INTEGER)")
	check(errors.Join(err, db.Close()))
	body := bytes.Repeat([]byte("x"), 1000)
	rate(64, besideEvents, func(n int) {
		kind := "quick"
		if n%oneIn == 0 && strings.HasPrefix(way, "slow") {
			kind = "slow"
		}
		_, err := inbox.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: kind}, body)
		check(err)
	})
	inbox.On("*", func(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
		if event.Type == "slow" {
			time.Sleep(slowFor)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO handled VALUES (?)", event.ID)
		return err
	})
	fmt.Println("ready")
	told := bufio.NewReader(os.Stdin)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	if _, err := told.ReadString('\n'); err == nil {
		go func() { done <- hooks.Work(ctx, knocker.ShareCommits(strings.HasSuffix(way, "shared"))) }()
	} else {
		close(done)
	}
	_, _ = io.Copy(io.Discard, told)
	cancel()
	check(<-done)
}
