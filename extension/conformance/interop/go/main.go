// Command interop is the Go package as a participant: the line protocol of ../README.md over its public API.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/knocker/knocker-go"
)

const written = "INSERT INTO written VALUES (?, ?, ?, ?, ?, ?, 'go', sqlite_version())"

var speaking sync.Mutex

func say(line map[string]any) {
	encoded, err := json.Marshal(line)
	if err != nil {
		log.Fatal(err)
	}
	speaking.Lock()
	defer speaking.Unlock()
	fmt.Println(string(encoded))
}

// asked is a line of the runner, with the arguments of every operation.
type asked struct {
	ID         int64      `json:"id"`
	Op         string     `json:"op"`
	File       string     `json:"file"`
	Endpoints  []endpoint `json:"endpoints"`
	Endpoint   string     `json:"endpoint"`
	Request    request    `json:"request"`
	Body       string     `json:"body"`
	LeaseS     int64      `json:"lease_s"`
	EventID    int64      `json:"event_id"`
	DeliveryID int64      `json:"delivery_id"`
	Reason     string     `json:"reason"`
	View       string     `json:"view"`
	Filter     struct {
		Status   knocker.EventStatus `json:"status"`
		Endpoint string              `json:"endpoint"`
		DryRun   bool                `json:"dry_run"`
	} `json:"filter"`
}

type endpoint struct {
	Name     string         `json:"name"`
	Secret   string         `json:"secret"`
	Settings map[string]any `json:"settings"`
}

type request struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

type participant struct {
	hooks     *knocker.Hooks
	endpoints map[string]*knocker.Endpoint
	gate      chan struct{}
	openGate  func()
	rest      context.CancelFunc
	worked    chan error
}

func (p *participant) handle(ctx context.Context, tx *knocker.Tx, event *knocker.Event) error {
	var content struct {
		Plan  string
		Order struct {
			Customer string
			Total    int64
		}
	}
	if err := event.JSON(&content); err != nil {
		return err
	}
	first := event.Attempt == 1
	if content.Plan == "hold" && first {
		say(map[string]any{"held": event.Key})
		<-p.gate
	}
	_, err := tx.ExecContext(ctx, written, event.Endpoint, event.Key, event.Type, content.Order.Customer, content.Order.Total, event.Attempt)
	switch {
	case err != nil:
		return err
	case content.Plan == "fail" && first:
		return errors.New("no stock yet")
	case content.Plan == "retry" && first:
		return knocker.RetryAfter(0, errors.New("the till is closed"))
	case content.Plan == "ignore":
		return knocker.Ignore("a test order")
	case content.Plan == "dead":
		return knocker.Dead("no such customer")
	}
	return nil
}

func (p *participant) open(file string, endpoints []endpoint) (err error) {
	p.hooks, err = knocker.Open(file, knocker.BusyTimeout(time.Minute), knocker.Logger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		return err
	}
	p.endpoints = map[string]*knocker.Endpoint{}
	for _, one := range endpoints {
		made, err := p.hooks.Endpoint(one.Name, knocker.RawSettings(one.Settings), knocker.Secrets(one.Secret))
		if err != nil {
			return err
		}
		made.On("*", p.handle)
		p.endpoints[one.Name] = made
	}
	return nil
}

func (p *participant) work(lease time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	p.rest, p.worked, p.gate = cancel, make(chan error, 1), make(chan struct{})
	p.openGate = sync.OnceFunc(func() { close(p.gate) })
	go func() { p.worked <- p.hooks.Work(ctx, knocker.Concurrency(2), knocker.Lease(lease)) }()
}

func (p *participant) do(ctx context.Context, a *asked) (any, error) {
	filter := knocker.BulkFilter{Endpoint: a.Filter.Endpoint, DryRun: a.Filter.DryRun}
	if a.Filter.Status != "" {
		filter.Status = []knocker.EventStatus{a.Filter.Status}
	}
	switch a.Op {
	case "open":
		return nil, p.open(a.File, a.Endpoints)
	case "receive":
		head := knocker.WebhookRequest{Method: a.Request.Method, URL: a.Request.URL, Header: map[string][]string{}, Body: []byte(a.Body)}
		for name, value := range a.Request.Headers {
			head.Header[name] = []string{value}
		}
		return p.endpoints[a.Endpoint].Receive(ctx, &head)
	case "work":
		p.work(time.Duration(a.LeaseS) * time.Second)
		return nil, nil
	case "rest":
		p.rest()
		return nil, <-p.worked
	case "go":
		p.openGate()
		return nil, nil
	case "replay":
		return p.hooks.Replay(ctx, a.EventID)
	case "requeue":
		return p.hooks.Requeue(ctx, a.EventID)
	case "ignore":
		return p.hooks.Ignore(ctx, a.EventID, a.Reason)
	case "replay_delivery":
		return p.hooks.ReplayDelivery(ctx, a.DeliveryID)
	case "replay_where":
		return p.hooks.ReplayWhere(ctx, filter)
	case "requeue_where":
		return p.hooks.RequeueWhere(ctx, filter)
	case "ignore_where":
		return p.hooks.IgnoreWhere(ctx, filter)
	case "stats":
		return p.hooks.Stats(ctx)
	case "list":
		return p.list(ctx, a.View)
	case "close":
		return nil, p.hooks.Close()
	}
	return nil, fmt.Errorf("there is no operation %s", a.Op)
}

func (p *participant) list(ctx context.Context, view string) (any, error) {
	switch view {
	case "events":
		return collected(p.hooks.Events(ctx, knocker.ListEvents{}))
	case "deliveries":
		return collected(p.hooks.Deliveries(ctx, knocker.ListDeliveries{}))
	case "attempts":
		return collected(p.hooks.Attempts(ctx, knocker.ListAttempts{}))
	case "endpoints":
		return collected(p.hooks.StoredEndpoints(ctx))
	}
	return nil, fmt.Errorf("there is no view %s", view)
}

func collected[Record any](list iter.Seq2[Record, error]) (records []Record, err error) {
	for record, err := range list {
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

func (p *participant) answer(line []byte) {
	var a asked
	if err := json.Unmarshal(line, &a); err != nil {
		log.Fatal(err)
	}
	gives, err := p.do(context.Background(), &a)
	var known *knocker.Error
	switch {
	case errors.As(err, &known):
		say(map[string]any{"id": a.ID, "error": known.Code, "says": known.Message})
	case err != nil:
		log.Fatal(err)
	default:
		say(map[string]any{"id": a.ID, "gives": plain(gives)})
	}
}

func main() {
	var p participant
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		go p.answer([]byte(lines.Text()))
	}
}
