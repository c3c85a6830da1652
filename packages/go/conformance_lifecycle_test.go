package knocker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
	"github.com/knocker/knocker-go/knockertest"
)

type lifecycleFile struct {
	About     string     `json:"about"`
	Values    object     `json:"values"`
	Scenarios []scenario `json:"scenarios"`
}

type scenario struct {
	Name  string `json:"name"`
	Steps []step `json:"steps"`
}

type step struct {
	Op          string                     `json:"op"`
	Args        map[string]json.RawMessage `json:"args"`
	Now         *int64                     `json:"now"`
	Expect      json.RawMessage            `json:"expect"`
	ExpectError string                     `json:"expect_error"`
	Save        map[string]string          `json:"save"`
}

// TestLifecycle runs each scenario of the data through the typed API, on a file of its own.
func TestLifecycle(t *testing.T) {
	ran := playLifecycle(t, func(t *testing.T) (*knocker.Hooks, *knockertest.Clock) {
		return knockertest.Open(t, knocker.SynchronousNormal())
	})
	if !t.Failed() {
		conformance.WriteCount(t, "lifecycle", ran)
	}
}

// playLifecycle runs each scenario on hooks that are opened for it, and says how many there are.
func playLifecycle(t *testing.T, open func(*testing.T) (*knocker.Hooks, *knockertest.Clock)) (ran int) {
	files := conformance.Files(t, "lifecycle")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var file lifecycleFile
		if err := conformance.Strictly(files[name], &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, one := range file.Scenarios {
			ran++
			t.Run(name+"/"+one.Name, func(t *testing.T) {
				hooks, clock := open(t)
				play := &play{ctx: context.Background(), t: t, hooks: hooks, clock: clock, saved: maps.Clone(file.Values)}
				if play.saved == nil {
					play.saved = object{}
				}
				for i, s := range one.Steps {
					if err := play.step(s); err != nil {
						t.Fatalf("step %d (%s): %v", i+1, s.Op, err)
					}
				}
			})
		}
	}
	return ran
}

// play is one scenario on its way.
type play struct {
	ctx     context.Context
	t       *testing.T
	hooks   *knocker.Hooks
	clock   *knockertest.Clock
	saved   object
	secrets []string
}

var errStep = errors.New("the arguments are none")

func (p *play) step(s step) error {
	if s.Now != nil {
		p.clock.Set(time.UnixMilli(*s.Now))
	}
	given := object{}
	for name, raw := range s.Args {
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return err
		}
		given[name] = p.resolve(value)
	}
	result, err := p.run(s.Op, given)
	failed := ""
	var known *knocker.Error
	switch {
	case errors.As(err, &known):
		failed = known.Code
	case errors.Is(err, errStep):
		// What Go's types refuse.
		failed = "invalid_argument"
	case err != nil:
		return err
	}
	if failed != s.ExpectError {
		return fmt.Errorf("expected error %q, got %q: %v", s.ExpectError, failed, err)
	}
	if failed != "" {
		return nil
	}
	actual := conformance.Plain(result)
	if s.Expect != nil {
		var expected any
		if err := json.Unmarshal(s.Expect, &expected); err != nil {
			return err
		}
		if err := conformance.Compare(p.resolve(expected), actual, "result"); err != nil {
			return err
		}
	}
	for name, path := range s.Save {
		value := actual
		for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
			if index, err := strconv.Atoi(part); err == nil {
				value = value.([]any)[index]
			} else {
				value = value.(object)[part]
			}
		}
		p.saved[name] = value
	}
	return nil
}

func (p *play) resolve(value any) any {
	switch one := value.(type) {
	case string:
		if name, ok := strings.CutPrefix(one, "$"); ok {
			return p.saved[name]
		}
	case []any:
		made := make([]any, len(one))
		for i := range one {
			made[i] = p.resolve(one[i])
		}
		return made
	case object:
		made := object{}
		for key := range one {
			made[key] = p.resolve(one[key])
		}
		return made
	}
	return value
}

// into reads arguments of the data into a typed value; what does not fit Go's types is errStep.
func into[Typed any](given any) (typed Typed, err error) {
	encoded, err := json.Marshal(given)
	if err != nil {
		return typed, err
	}
	if err := conformance.Strictly(encoded, &typed); err != nil {
		return typed, fmt.Errorf("%w: %v", errStep, err)
	}
	return typed, nil
}

type jobArgs struct {
	JobID      int64         `json:"job_id"`
	Worker     string        `json:"worker"`
	DurationMS int64         `json:"duration_ms"`
	Error      string        `json:"error"`
	Reason     string        `json:"reason"`
	LeaseS     int64         `json:"lease_s"`
	Options    failedOptions `json:"options"`
}

type failedOptions struct {
	RetryAfterS *float64 `json:"retry_after_s"`
	Dead        bool     `json:"dead"`
	NoHandler   bool     `json:"no_handler"`
}

type actionArgs struct {
	EventID    int64   `json:"event_id"`
	DeliveryID int64   `json:"delivery_id"`
	Reason     *string `json:"reason"`
	Options    struct {
		Force bool `json:"force"`
	} `json:"options"`
}

func (a actionArgs) options() []knocker.ActionOption {
	if a.Options.Force {
		return []knocker.ActionOption{knocker.Force()}
	}
	return nil
}

func (p *play) run(op string, given object) (any, error) {
	switch op {
	case "endpoint", "receive", "ingest", "verify", "sign":
		return p.receiving(op, given)
	case "claim", "jobs", "handled", "failed", "skipped", "extend", "release", "next_due":
		return p.working(op, given)
	case "select":
		return p.selected(given)
	case "metrics":
		return p.samples()
	}
	return p.operating(op, given)
}

func (p *play) receiving(op string, given object) (any, error) {
	ctx := context.Background()
	body, err := into[sentBody](pick(given, "body", "body_base64"))
	if err != nil {
		return nil, err
	}
	raw, err := body.bytes()
	if err != nil {
		return nil, err
	}
	rest := without(given, "body", "body_base64")
	switch op {
	case "endpoint":
		return p.endpoint(rest)
	case "ingest":
		args, err := into[struct {
			Endpoint string `json:"endpoint"`
			Fields   struct {
				Valid              bool            `json:"valid"`
				Type               string          `json:"type"`
				Key                string          `json:"key"`
				Reason             string          `json:"reason"`
				Detail             string          `json:"detail"`
				ProviderEventID    string          `json:"provider_event_id"`
				ProviderDeliveryID string          `json:"provider_delivery_id"`
				Method             string          `json:"method"`
				URL                string          `json:"url"`
				Headers            json.RawMessage `json:"headers"`
			} `json:"fields"`
		}](rest)
		if err != nil {
			return nil, err
		}
		request, err := sentRequest{Headers: args.Fields.Headers}.request(nil)
		if err != nil {
			return nil, err
		}
		endpoint, err := p.of(args.Endpoint)
		if err != nil {
			return nil, err
		}
		f := args.Fields
		return endpoint.Ingest(p.ctx, knocker.IngestFields{
			Valid: f.Valid, Type: f.Type, Key: f.Key, Reason: knocker.Reason(f.Reason), Detail: f.Detail, ProviderEventID: f.ProviderEventID,
			ProviderDeliveryID: f.ProviderDeliveryID, Method: f.Method, URL: f.URL, Headers: request.Header,
		}, raw)
	}
	args, err := into[struct {
		Endpoint string      `json:"endpoint"`
		Provider string      `json:"provider"`
		Options  object      `json:"options"`
		Request  sentRequest `json:"request"`
		Secrets  []string    `json:"secrets"`
		Secret   string      `json:"secret"`
	}](rest)
	if err != nil {
		return nil, err
	}
	request, err := args.Request.request(raw)
	if err != nil {
		return nil, err
	}
	p.secrets = args.Secrets
	if op == "receive" {
		endpoint, err := p.of(args.Endpoint)
		if err != nil {
			return nil, err
		}
		return endpoint.Receive(ctx, request)
	}
	// Neither stores anything, and both are of a provider without an endpoint in the data: here it is another file's.
	aside, err := knocker.Open(p.clockFile(), p.clock.Option())
	if err != nil {
		return nil, err
	}
	defer func() { _ = aside.Close() }()
	endpoint, err := aside.Endpoint("aside", knocker.Provider(args.Provider), knocker.ProviderOptions(args.Options),
		knocker.SecretsFunc(func(context.Context, *knocker.WebhookRequest) ([]string, error) { return args.Secrets, nil }))
	if err != nil {
		return nil, err
	}
	if op == "verify" {
		return endpoint.Verify(ctx, request)
	}
	signed, err := endpoint.Sign(request, args.Secret)
	if err != nil {
		return nil, err
	}
	made := object{"headers": map[string]string{}, "url": nil, "body": nil}
	for name, values := range signed.Header {
		made["headers"].(map[string]string)[name] = values[0]
	}
	if signed.URL != request.URL {
		made["url"] = signed.URL
	}
	if string(signed.Body) != string(request.Body) {
		made["body"] = string(signed.Body)
	}
	return made, nil
}

func (p *play) clockFile() string { return knockertest.File(p.t) }

func (p *play) endpoint(given object) (any, error) {
	args, err := into[struct {
		Name   string `json:"name"`
		Config object `json:"config"`
	}](given)
	if err != nil {
		return nil, err
	}
	settings := knocker.RawSettings(args.Config)
	err = p.hooks.UpdateEndpoint(p.ctx, args.Name, settings)
	if errors.Is(err, knocker.ErrUnknownEndpoint) {
		_, err = p.hooks.Endpoint(args.Name, settings, knocker.SecretsFunc(p.findSecrets))
	}
	if err != nil {
		return nil, err
	}
	for stored, err := range p.hooks.StoredEndpoints(p.ctx) {
		if err != nil || stored.Name == args.Name {
			return stored.ID, err
		}
	}
	return nil, fmt.Errorf("there is no endpoint %s", args.Name)
}

func (p *play) findSecrets(context.Context, *knocker.WebhookRequest) ([]string, error) {
	return p.secrets, nil
}

func (p *play) of(name string) (*knocker.Endpoint, error) {
	for _, endpoint := range p.hooks.Endpoints() {
		if endpoint.Name() == name {
			return endpoint, nil
		}
	}
	return p.hooks.ExistingEndpoint(name, knocker.SecretsFunc(p.findSecrets))
}

func (p *play) working(op string, given object) (any, error) {
	switch op {
	case "claim":
		args, err := into[struct {
			Worker string `json:"worker"`
			Limit  int    `json:"limit"`
			LeaseS int64  `json:"lease_s"`
			Filter struct {
				Endpoints []string `json:"endpoints"`
			} `json:"filter"`
		}](given)
		if err != nil {
			return nil, err
		}
		return p.hooks.Leases(args.Worker).Claim(p.ctx, args.Limit, time.Duration(args.LeaseS)*time.Second, args.Filter.Endpoints...)
	case "next_due":
		args, err := into[struct {
			Filter struct {
				Endpoints []string `json:"endpoints"`
				Worker    string   `json:"worker"`
			} `json:"filter"`
		}](given)
		if err != nil {
			return nil, err
		}
		worker := args.Filter.Worker
		if worker == "" {
			worker = "nobody"
		}
		due, waits, err := p.hooks.Leases(worker).NextDue(p.ctx, args.Filter.Endpoints...)
		if err != nil || !waits {
			return nil, err
		}
		return due.Milliseconds(), nil
	}
	args, err := into[jobArgs](given)
	if err != nil {
		return nil, err
	}
	leases, took := p.hooks.Leases(args.Worker), time.Duration(args.DurationMS)*time.Millisecond
	switch op {
	case "jobs":
		jobs, err := leases.Jobs(p.ctx)
		made := make([]any, len(jobs))
		for i, job := range jobs {
			made[i] = jobOf(job)
		}
		return made, err
	case "handled":
		return 1, leases.Handled(p.ctx, args.JobID, took)
	case "failed":
		var options []knocker.FailedOption
		if args.Options.RetryAfterS != nil {
			options = append(options, knocker.FailedRetryAfter(time.Duration(*args.Options.RetryAfterS*float64(time.Second))))
		}
		if args.Options.Dead {
			options = append(options, knocker.FailedDead())
		}
		if args.Options.NoHandler {
			options = append(options, knocker.FailedNoHandler())
		}
		return leases.Failed(p.ctx, args.JobID, args.Error, took, options...)
	case "skipped":
		return 1, leases.Skipped(p.ctx, args.JobID, args.Reason, took)
	case "extend":
		return leases.Extend(p.ctx, args.JobID, time.Duration(args.LeaseS)*time.Second)
	}
	return leases.Release(p.ctx)
}

func jobOf(job *knocker.Job) object {
	event := job.Event
	return object{
		"job_id": job.ID, "worker": job.Worker, "event_id": event.ID, "delivery_id": event.Delivery.ID, "endpoint": event.Endpoint, "type": event.Type,
		"key": event.Key, "attempt": event.Attempt, "max_attempts": event.MaxAttempts, "lease_expires_at": job.LeaseExpiresAt,
		"received_at": event.ReceivedAt, "method": event.Delivery.Method, "url": event.Delivery.URL, "headers": event.Delivery.Header, "body": event.Body,
	}
}

func (p *play) operating(op string, given object) (any, error) {
	switch op {
	case "retain":
		return p.hooks.Retain(p.ctx)
	case "stats":
		return p.hooks.Stats(p.ctx)
	case "retention":
		policy, err := into[retentionPolicy](given["policy"])
		if err != nil {
			return nil, err
		}
		return p.hooks.Retention(p.ctx, policy.typed())
	case "replay_where", "requeue_where", "ignore_where":
		filter, err := into[bulkFilter](given["filter"])
		if err != nil {
			return nil, err
		}
		return map[string]func(context.Context, knocker.BulkFilter) (knocker.BulkResult, error){
			"replay_where": p.hooks.ReplayWhere, "requeue_where": p.hooks.RequeueWhere, "ignore_where": p.hooks.IgnoreWhere,
		}[op](p.ctx, filter.typed())
	case "prune_events":
		filter, err := into[pruneEvents](given["filter"])
		if err != nil {
			return nil, err
		}
		return p.hooks.PruneEvents(p.ctx, filter.typed(p.clock.Now()))
	case "prune_deliveries":
		filter, err := into[pruneDeliveries](given["filter"])
		if err != nil {
			return nil, err
		}
		return p.hooks.PruneDeliveries(p.ctx, filter.typed(p.clock.Now()))
	}
	args, err := into[actionArgs](given)
	if err != nil {
		return nil, err
	}
	switch op {
	case "replay":
		return p.hooks.Replay(p.ctx, args.EventID, args.options()...)
	case "requeue":
		return p.hooks.Requeue(p.ctx, args.EventID, args.options()...)
	case "ignore":
		why := ""
		if args.Reason != nil {
			why = *args.Reason
		}
		return p.hooks.Ignore(p.ctx, args.EventID, why, args.options()...)
	case "replay_delivery":
		return p.hooks.ReplayDelivery(p.ctx, args.DeliveryID, args.options()...)
	}
	return nil, fmt.Errorf("there is no operation %s", op)
}

// samples are those of the metrics as they are written, each with its number.
func (p *play) samples() (any, error) {
	text, err := p.hooks.Metrics(p.ctx)
	if err != nil {
		return nil, err
	}
	made := object{}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if at := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") {
			if made[line[:at]], err = strconv.ParseFloat(line[at+1:], 64); err != nil {
				return nil, err
			}
		}
	}
	return made, nil
}

func (p *play) selected(given object) (any, error) {
	args, err := into[struct {
		View  string `json:"view"`
		Where object `json:"where"`
	}](given)
	if err != nil {
		return nil, err
	}
	var rows []any
	switch args.View {
	case "events":
		rows, err = conformance.Collected(p.hooks.Events(p.ctx, knocker.ListEvents{WithBody: true}))
	case "deliveries":
		rows, err = conformance.Collected(p.hooks.Deliveries(p.ctx, knocker.ListDeliveries{WithBody: true}))
	case "attempts":
		rows, err = conformance.Collected(p.hooks.Attempts(p.ctx, knocker.ListAttempts{}))
	case "prunes":
		rows, err = conformance.Collected(p.hooks.Prunes(p.ctx, knocker.Page{}))
	case "endpoints":
		rows, err = conformance.Collected(p.hooks.StoredEndpoints(p.ctx))
	case "policies":
		rows, err = conformance.Collected(p.hooks.Policies(p.ctx))
	case "event_deliveries":
		for event, err := range p.hooks.Events(p.ctx, knocker.ListEvents{}) {
			if err != nil {
				return nil, err
			}
			links, err := p.hooks.EventDeliveries(p.ctx, event.ID, 0)
			if err != nil {
				return nil, err
			}
			for _, link := range links {
				rows = append(rows, conformance.Plain(link))
			}
		}
	default:
		return nil, fmt.Errorf("there is no view %s", args.View)
	}
	found := []any{}
	for _, row := range rows {
		matches := true
		for column, wanted := range args.Where {
			matches = matches && conformance.Compare(wanted, row.(object)[column], column) == nil
		}
		if matches {
			found = append(found, row)
		}
	}
	return found, err
}

func pick(given object, names ...string) object {
	made := object{}
	for _, name := range names {
		if value, ok := given[name]; ok {
			made[name] = value
		}
	}
	return made
}

func without(given object, names ...string) object {
	made := maps.Clone(given)
	for _, name := range names {
		delete(made, name)
	}
	return made
}
