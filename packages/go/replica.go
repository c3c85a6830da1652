package knocker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

const (
	// longestReason is how much is told of what Litestream says of a failure, which may be the whole answer of a storage service.
	longestReason = 300
	// mostAnswered is how much of an answer is read: Litestream's is a line.
	mostAnswered = 64 << 10
)

// replica is what Litestream keeps of the file elsewhere, and what receipts wait for: its control socket speaks HTTP, and POST /sync with wait answers
// once everything that is committed when it is asked is in the replica. It is asked once for each group of receipts, on a connection that is kept. Of one
// goroutine at a time.
type replica struct {
	path    string
	socket  string
	timeout time.Duration
	client  *http.Client
	// names are those that Litestream may know the file by: that in its configuration may be one with links, or the one that they lead to. They are
	// found when it is first asked, when the file is there.
	names []string
	// silentSince is when the last question was asked that got no answer in time.
	silentSince time.Time
}

func newReplica(path, socket string, timeout time.Duration) *replica {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", socket)
	}
	client := &http.Client{
		Transport: &http.Transport{DialContext: dial, DisableCompression: true},
		// What it says of another question is no answer to this one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &replica{path: path, socket: socket, timeout: timeout, client: client}
}

// syncAnswer is what Litestream answers, or what it says went wrong.
type syncAnswer struct {
	Status         string `json:"status"`
	ReplicatedTXID uint64 `json:"replicated_txid"`
	Error          string `json:"error"`
}

// wait comes back once the replica has all that is committed, the newest of it queued then, with ErrNotReplicated where it does not say so in time.
func (r *replica) wait(queuedAt time.Time) error {
	// Whoever was there when a question was asked that nobody answered has waited for as long: many groups would wait in turn.
	if !queuedAt.After(r.silentSince) {
		return r.silent(nil)
	}
	askedAt := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	if r.names == nil {
		r.names = []string{r.path}
		if real, err := filepath.EvalSymlinks(r.path); err == nil && real != r.path {
			r.names = append(r.names, real)
		}
	}
	for at := 0; ; at++ {
		status, answer, err := r.ask(ctx, r.names[at])
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			r.silentSince = askedAt
			return r.silent(err)
		case err != nil:
			return newError("not_replicated", fmt.Sprintf("Litestream at %s cannot be asked: %v", r.socket, err), err)
		case status == http.StatusNotFound && at+1 < len(r.names):
			continue
		}
		if status != http.StatusNotFound {
			// It is the first to be asked for from here on.
			r.names[0], r.names[at] = r.names[at], r.names[0]
		}
		if status == http.StatusOK && (answer.Status == "synced" || answer.Status == "no_change") && answer.ReplicatedTXID > 0 {
			// A file that it has not begun with has no transaction there.
			return nil
		}
		reason := orElse(orElse(answer.Error, answer.Status), "no reason")
		return newError("not_replicated", fmt.Sprintf("Litestream did not sync %s: %d: %.*s", r.names[0], status, longestReason, reason), nil)
	}
}

func (r *replica) silent(err error) error {
	return newError("not_replicated", fmt.Sprintf("Litestream at %s did not sync in %v", r.socket, r.timeout), err)
}

func (r *replica) ask(ctx context.Context, name string) (int, *syncAnswer, error) {
	question, err := json.Marshal(map[string]any{"path": name, "wait": true, "timeout": int(math.Ceil(r.timeout.Seconds()))})
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://litestream/sync", bytes.NewReader(question))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	// It may be asked twice, and this says so without being sent: Litestream may have ended, and begun anew, since the connection was last used.
	request.Header["Idempotency-Key"] = []string{}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusSwitchingProtocols {
		// What follows is no body, and the context would not end the reading of it.
		return 0, nil, errors.New("its answer is none of Litestream's")
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, mostAnswered))
	if err != nil {
		return 0, nil, err
	}
	answer := &syncAnswer{}
	if !json.Valid(text) {
		return 0, nil, errors.New("its answer is no JSON")
	}
	// Of another form, it says nothing.
	_ = json.Unmarshal(text, answer)
	return response.StatusCode, answer, nil
}

// close closes the connection, which is opened again when it is needed.
func (r *replica) close() { r.client.CloseIdleConnections() }
