package rqlite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	// roundPause is after each round of all nodes: they may be electing a leader.
	roundPause = 50 * time.Millisecond
	// leastPatience is for a round of all nodes, also where nobody wants to wait.
	leastPatience = time.Second
	// mostTry is how long one node is given to answer at most.
	mostTry = 5 * time.Second
	// mostIdle is how many connections to a node are kept.
	mostIdle = 16
)

// Nodes are the nodes of a cluster. Safe for many goroutines.
type Nodes struct {
	address *Address
	client  *http.Client
	// last is the one that has answered last.
	last atomic.Int64
}

// NewNodes asks nobody yet.
func NewNodes(address *Address) *Nodes {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = mostIdle
	// What stands in the environment for the web is none for the machines beside this one, and would get the requests.
	transport.Proxy = nil
	return &Nodes{address: address, client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// String is the address without credentials.
func (n *Nodes) String() string { return n.address.String() }

// Close gives up the idle connections.
func (n *Nodes) Close() { n.client.CloseIdleConnections() }

// Outcome is what became of a request.
type Outcome struct {
	// Answer has the meaning Done, Refused, Torn, Forbidden, or, where the time was over, Elsewhere or Unknown.
	Answer
	// IsRepeat says that an earlier try may have done it already.
	IsRepeat bool
}

// Write has the statements done in one transaction, through Raft.
func (n *Nodes) Write(ctx context.Context, patience time.Duration, statements ...Statement) (Outcome, error) {
	return n.ask(ctx, "/db/request?level=strong&transaction&blob_array", patience, statements)
}

// Read reads what most of the nodes have. Nothing is written for it.
func (n *Nodes) Read(ctx context.Context, patience time.Duration, statements ...Statement) (Outcome, error) {
	return n.ask(ctx, "/db/query?level=linearizable&blob_array", patience, statements)
}

// ask asks one node after the other, until one has answered or the time is over. Its error is the context's.
func (n *Nodes) ask(ctx context.Context, target string, patience time.Duration, statements []Statement) (done Outcome, err error) {
	body, err := bodyOf(statements)
	if err != nil {
		return Outcome{}, err
	}
	patience = max(patience, leastPatience)
	one := min(patience/2, mostTry)
	target += "&timeout=" + strconv.FormatInt(one.Milliseconds(), 10) + "ms"
	deadline := time.Now().Add(patience)
	count := int64(len(n.address.Nodes))
	for first, tries := n.last.Load(), int64(0); ; tries++ {
		at := (first + tries) % count
		answer := n.askNode(ctx, n.address.Nodes[at]+target, body, one, len(statements))
		done.Answer = answer
		switch answer.Meaning {
		case Done, Refused, Torn, Forbidden:
			n.last.Store(at)
			return done, nil
		case Unknown:
			done.IsRepeat = true
		}
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		if !time.Now().Before(deadline) {
			return done, nil
		}
		if tries%count == count-1 && !pause(ctx, roundPause) {
			return done, ctx.Err()
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *Nodes) askNode(ctx context.Context, target string, body []byte, patience time.Duration, statements int) Answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return Answer{Meaning: Elsewhere, Why: "the node's address is none"}
	}
	request.Header.Set("Content-Type", "application/json")
	if user := n.address.user; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	response, err := n.client.Do(request)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{Meaning: Unknown, Why: "the answer broke off"}
	}
	return Read(response.StatusCode, text, statements)
}

// failed: where no connection came about, nothing was sent.
func failed(err error) Answer {
	var network *net.OpError
	if errors.As(err, &network) && network.Op == "dial" {
		return Answer{Meaning: Elsewhere, Why: network.Error()}
	}
	var unknown *net.DNSError
	if errors.As(err, &unknown) {
		return Answer{Meaning: Elsewhere, Why: unknown.Error()}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Answer{Meaning: Unknown, Why: "no answer in time"}
	}
	// The address has no credentials in it.
	return Answer{Meaning: Unknown, Why: "the connection broke off: " + err.Error()}
}
