package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
)

// rqliteNodes are the real nodes that extension/conformance/rqlite/cluster.py has started.
type rqliteNodes struct {
	*conformance.Cluster
	t *testing.T
}

// emptyNodes gives the nodes, all running, without a table.
func emptyNodes(t *testing.T) *rqliteNodes {
	t.Helper()
	nodes := &rqliteNodes{conformance.Rqlite(t), t}
	nodes.Ask(http.MethodPost, "/restart", nil)
	nodes.Ask(http.MethodPost, "/wipe", nil)
	return nodes
}

// open gives hooks on the nodes.
func (n *rqliteNodes) open(options ...knocker.Option) *knocker.Hooks {
	n.t.Helper()
	return openAt(n.t, n.URL, append([]knocker.Option{knocker.Logger(quiet()), knocker.BusyTimeout(patience)}, options...)...)
}

// openAll gives so many hooks on the nodes, as so many processes would have.
func (n *rqliteNodes) openAll(count int) (all []*knocker.Hooks) {
	n.t.Helper()
	noLeaks(n.t)
	for range count {
		hooks := must[*knocker.Hooks](n.t)(knocker.Open(n.URL, knocker.Logger(quiet()), knocker.BusyTimeout(patience)))
		n.t.Cleanup(func() { _ = hooks.Close() })
		all = append(all, hooks)
	}
	return all
}

func (n *rqliteNodes) hosts() []string {
	return strings.Split(strings.TrimPrefix(n.URL, "rqlite://"), ",")
}

// run has statements done, apart from Knocker, and gives the first column of the last one. What only reads is asked again during an election.
func (n *rqliteNodes) run(statements ...string) []any {
	n.t.Helper()
	isRead := !slices.ContainsFunc(statements, func(statement string) bool { return !strings.HasPrefix(statement, "SELECT") })
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		found, err := n.send(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, statements)
		if err == nil {
			return found
		}
		if !isRead || time.Now().After(deadline) {
			n.t.Fatal(err)
		}
	}
}

func (n *rqliteNodes) send(client *http.Client, statements any) (column []any, err error) {
	body, err := json.Marshal(statements)
	if err != nil {
		return nil, err
	}
	response, err := client.Post("http://"+n.hosts()[0]+"/db/request?level=strong&transaction", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error   string `json:"error"`
		Results []struct {
			Values [][]any `json:"values"`
			Error  string  `json:"error"`
		} `json:"results"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	if answer.Error != "" || len(answer.Results) == 0 {
		return nil, errors.New("no answer: " + answer.Error)
	}
	for _, one := range answer.Results {
		if one.Error != "" {
			return nil, errors.New(one.Error)
		}
		column = nil
		for _, row := range one.Values {
			column = append(column, row[0])
		}
	}
	return column, nil
}

// losing is a way to a node on which answers get lost, once the node has done what was asked.
type losing struct {
	word atomic.Value
	all  atomic.Bool
	lost atomic.Int32
	*httptest.Server
}

// losing gives the address of that way, at which the next try finds the same node.
func (n *rqliteNodes) losing() (string, *losing) {
	n.t.Helper()
	target, err := url.Parse("http://" + n.hosts()[0])
	if err != nil {
		n.t.Fatal(err)
	}
	l := &losing{}
	l.word.Store("")
	loser, way := httputil.NewSingleHostReverseProxy(target), httputil.NewSingleHostReverseProxy(target)
	loser.Transport = &http.Transport{DisableKeepAlives: true}
	way.Transport = loser.Transport
	loser.ModifyResponse = func(response *http.Response) error {
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		// The connection ends without an answer.
		panic(http.ErrAbortHandler)
	}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		word := l.word.Load().(string)
		if word != "" && bytes.Contains(body, []byte(word)) && (l.all.Load() || l.word.CompareAndSwap(word, "")) {
			l.lost.Add(1)
			loser.ServeHTTP(w, r)
			return
		}
		way.ServeHTTP(w, r)
	}))
	n.t.Cleanup(l.Close)
	return "rqlite://" + strings.TrimPrefix(l.URL, "http://"), l
}

// loses has the answer to the next request with that word get lost.
func (l *losing) loses(word string) {
	l.all.Store(false)
	l.word.Store(word)
}

// losesAll has those to every request with that word get lost.
func (l *losing) losesAll(word string) {
	l.loses(word)
	l.all.Store(true)
}
