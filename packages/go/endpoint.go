package knocker

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var errNoRequest = usage("the request is nil")

// wholeOf are the functions that judge, each with the one that stores as well.
var wholeOf = map[string]string{"knocker_judge": "knocker_receive", "knocker_attest": "knocker_ingest"}

// storingTries: a judgement is made again where the settings have changed since.
const storingTries = 4

// Endpoint is a name in the URL, who may send there, and the handlers of what arrives. [Hooks.Endpoint] makes it. It is an http.Handler, and safe
// for many goroutines.
type Endpoint struct {
	name         string
	database     *database
	findSecrets  func(context.Context, *WebhookRequest) ([]string, error)
	secrets      string
	config       string
	maxBodyBytes atomic.Int64
	losses       *losses
	sendable     *sendable

	mu       sync.RWMutex
	handlers []handlerOf
}

// Name is what stands in the URL.
func (e *Endpoint) Name() string { return e.name }

// EndpointOption is a setting of an endpoint, or the secrets that its requests are verified with.
type EndpointOption func(*endpointOptions) error

type endpointOptions struct {
	secrets     []string
	findSecrets func(context.Context, *WebhookRequest) ([]string, error)
	settings    map[string]any
}

// Secrets are tried one after the other; they are never stored. An empty one is refused: is the environment variable set?
func Secrets(secrets ...string) EndpointOption {
	return func(o *endpointOptions) error {
		for _, secret := range secrets {
			if strings.TrimSpace(secret) == "" {
				return usage("a secret is empty: is the environment variable set?")
			}
		}
		o.secrets = append(o.secrets, secrets...)
		return nil
	}
}

// SecretsFunc finds the secrets for a request, one a tenant for example, by its URL or a header. What it gives may be none: the request is refused
// then. Its error means that nothing was stored, and is answered with 500.
func SecretsFunc(find func(context.Context, *WebhookRequest) ([]string, error)) EndpointOption {
	return func(o *endpointOptions) error {
		if find == nil {
			return usage("SecretsFunc: nil")
		}
		o.findSecrets = find
		return nil
	}
}

// RawSettings are settings by the names that the SQL contract has for them; nil puts a default back. For settings that come from a file or a form.
func RawSettings(settings map[string]any) EndpointOption {
	return func(o *endpointOptions) error {
		for name, value := range settings {
			o.settings[name] = value
		}
		return nil
	}
}

func set(name string, value any) EndpointOption {
	return func(o *endpointOptions) error {
		o.settings[name] = value
		return nil
	}
}

func newEndpoint(d *database, name string, given []EndpointOption) (*Endpoint, error) {
	o := &endpointOptions{settings: map[string]any{}}
	for _, key := range declaredSettings {
		// What is left out gets its default, so that the code says all there is.
		o.settings[key] = nil
	}
	e, err := o.endpoint(d, name, given)
	if err != nil {
		return nil, err
	}
	if parts, ok := o.settings["backoff"].(map[string]any); ok {
		// The core keeps a part that is not named at all. The map may be the application's.
		parts = maps.Clone(parts)
		o.settings["backoff"] = parts
		for _, part := range []string{"base_s", "factor", "cap_s"} {
			if _, given := parts[part]; !given {
				parts[part] = nil
			}
		}
	}
	if err := o.requireSecret(d, name); err != nil {
		return nil, err
	}
	config, err := json.Marshal(o.settings)
	if err != nil {
		return nil, usage("endpoint %s: %v", name, err)
	}
	e.config = string(config)
	stored := func() ([]driver.Value, error) {
		return storedSettings(func(sql string, arguments ...driver.Value) ([][]driver.Value, error) {
			return d.rows(context.Background(), sql, arguments...)
		}, name)
	}
	before, err := stored()
	if err != nil {
		return nil, err
	}
	if _, err := d.call(context.Background(), "knocker_endpoint", name, e.config); err != nil {
		return nil, err
	}
	after, err := stored()
	if err != nil {
		return nil, err
	}
	tellOfChanges(d.options.logger, name, before, after)
	return e, e.readStored()
}

// readStored notes what the file says of the endpoint.
func (e *Endpoint) readStored() (err error) {
	if _, err = e.readMaxBodyBytes(); err != nil {
		return err
	}
	e.sendable, err = readSendable(e.database, e.name)
	return err
}

// requireSecret refuses what could only refuse: a provider that verifies by a secret, without one.
func (o *endpointOptions) requireSecret(d *database, name string) error {
	provider, ok := o.settings["provider"].(string)
	if !ok || o.findSecrets != nil || len(o.secrets) > 0 {
		return nil
	}
	found, err := d.rows(context.Background(), "SELECT needs_secret FROM knocker_providers WHERE ? IN (SELECT name UNION ALL SELECT value FROM json_each(aliases))", provider)
	if err != nil {
		return err
	}
	if len(found) > 0 && found[0][0] == int64(1) {
		return usage("endpoint %s: %s needs a secret, and there is none: give it with Secrets or SecretsFunc", name, provider)
	}
	return nil
}

func existingEndpoint(d *database, name string, given []EndpointOption) (*Endpoint, error) {
	o := &endpointOptions{settings: map[string]any{}}
	e, err := o.endpoint(d, name, given)
	if err != nil {
		return nil, err
	}
	if len(o.settings) > 0 {
		return nil, usage("ExistingEndpoint keeps the stored settings: change them with UpdateEndpoint, or declare them with Endpoint")
	}
	if err := d.refreshMirror(context.Background()); err != nil {
		return nil, err
	}
	return e, e.readStored()
}

// endpoint makes one with the options.
func (o *endpointOptions) endpoint(d *database, name string, given []EndpointOption) (*Endpoint, error) {
	if err := apply(o, given); err != nil {
		var known *Error
		if errors.As(err, &known) {
			known.Message = "endpoint " + name + ": " + known.Message
		}
		return nil, err
	}
	if o.findSecrets != nil && len(o.secrets) > 0 {
		return nil, usage("endpoint %s has Secrets and a SecretsFunc: give one of them", name)
	}
	return &Endpoint{name: name, database: d, findSecrets: o.findSecrets, secrets: jsonOf(o.secrets), losses: newLosses(d.options.logger)}, nil
}

// declare stores the settings in another file that has come in the place of the one before.
func (e *Endpoint) declare(c *conn) error {
	if e.config == "" {
		// Kept elsewhere, and not known here.
		return nil
	}
	before, err := storedSettings(c.rows, e.name)
	if err != nil {
		return err
	}
	if _, err := c.call("knocker_endpoint", e.name, e.config, e.database.now()); err != nil {
		return err
	}
	after, err := storedSettings(c.rows, e.name)
	tellOfChanges(e.database.options.logger, e.name, before, after)
	return err
}

// readMaxBodyBytes reads the size limit as it is stored now; another process or an operator may have changed it.
func (e *Endpoint) readMaxBodyBytes() (int64, error) {
	found, err := e.database.rows(context.Background(), "SELECT max_body_bytes FROM knocker_endpoints WHERE name = ?", e.name)
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		return 0, newError("unknown_endpoint", "there is no endpoint "+e.name, nil)
	}
	limit := found[0][0].(int64)
	e.maxBodyBytes.Store(limit)
	return limit, nil
}

// Receive verifies and stores one request; the receipt is committed when this returns. Goroutines share commits. The error says that nothing was
// stored; where the context ends first it may still be, and the error says so.
func (e *Endpoint) Receive(ctx context.Context, request *WebhookRequest) (*Receipt, error) {
	return e.receive(ctx, request, 0)
}

// receive is told how many bytes the sender announced, of which the body may be the beginning.
func (e *Endpoint) receive(ctx context.Context, request *WebhookRequest, announced int64) (receipt *Receipt, err error) {
	if request == nil {
		return nil, errNoRequest
	}
	ctx, span := e.receiving(ctx, request.Header)
	defer func() { span.ended(ctx, receipt, err, max(announced, int64(len(request.Body)))) }()
	secrets, err := e.secretsOf(ctx, request)
	if err != nil {
		return nil, err
	}
	stored := *request
	stored.Header = span.header
	return e.store(ctx, "knocker_judge", stored.asJSON(), notNil(request.Body), secrets)
}

// Ingest stores a request that you have verified yourself; only fields.Valid makes an event. The dedupe identity is the first that is not empty of
// Key, ProviderEventID and ProviderDeliveryID.
func (e *Endpoint) Ingest(ctx context.Context, fields IngestFields, body []byte) (receipt *Receipt, err error) {
	ctx, span := e.receiving(ctx, fields.Headers)
	defer func() { span.ended(ctx, receipt, err, int64(len(body))) }()
	fields.Headers = span.header
	return e.store(ctx, "knocker_attest", jsonText(fields.values()), notNil(body))
}

// Verify gives the verdict on a request with this endpoint's provider, options and secrets; nothing is stored.
func (e *Endpoint) Verify(ctx context.Context, request *WebhookRequest) (*Verdict, error) {
	secrets, err := e.secretsOf(ctx, request)
	if err != nil {
		return nil, err
	}
	found, err := e.database.rows(ctx, "SELECT provider, options FROM knocker_endpoints WHERE name = ?", e.name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0][0] == nil {
		return nil, usage("endpoint %s has no provider that could verify", e.name)
	}
	head := request.asJSON()
	var verdict Verdict
	err = e.judged(ctx, len(head)+len(request.Body), &verdict, "knocker_verify", found[0][0], found[0][1], head, notNil(request.Body), secrets, e.database.now())
	return &verdict, err
}

func (e *Endpoint) judged(ctx context.Context, size int, into any, function string, arguments ...driver.Value) error {
	if err := e.database.enter(); err != nil {
		return err
	}
	defer e.database.using.Done()
	result, err := e.database.judges.judge(ctx, size, function, arguments...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(result.(string)), into)
}

// store has it judged outside of any transaction, and what was found stored in the writer's.
func (e *Endpoint) store(ctx context.Context, judge, head string, body []byte, more ...driver.Value) (*Receipt, error) {
	d := e.database
	if err := alive(ctx); err != nil {
		return nil, err
	}
	if err := d.refuseOwnLock(ctx); err != nil {
		return nil, err
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.using.Done()
	began := time.Now()
	if len(head)+len(body) <= heavyBytes {
		// Nobody else is there for whom it would be judged beside the writer.
		stored, done, err := d.writer.alone(ctx, wholeOf[judge], append([]driver.Value{e.name, head, body}, append(more[:len(more):len(more)], d.now())...)...)
		if err != nil {
			return nil, err
		}
		if done {
			return e.receipt(stored, began)
		}
	}
	for tries := storingTries; ; tries-- {
		judgement, err := d.judges.judge(ctx, len(head)+len(body), judge, append([]driver.Value{e.name, head, body}, append(more[:len(more):len(more)], d.now())...)...)
		if err != nil {
			return nil, err
		}
		stored, err := d.writer.call(ctx, storeFunction, e.name, judgement, d.now())
		if errors.Is(err, ErrStaleJudgement) && tries > 1 {
			// The settings have changed in between.
			if err := d.refreshMirror(ctx); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		return e.receipt(stored, began)
	}
}

// receipt reads what was stored, which took since then.
func (e *Endpoint) receipt(stored driver.Value, began time.Time) (*Receipt, error) {
	receipt, err := receiptOf(stored.(string))
	if err != nil {
		return nil, err
	}
	e.database.receives.add(e.name, time.Since(began))
	return receipt, nil
}

func (e *Endpoint) secretsOf(ctx context.Context, request *WebhookRequest) (string, error) {
	if err := alive(ctx); err != nil {
		return "", err
	}
	if request == nil {
		return "", errNoRequest
	}
	if e.findSecrets == nil {
		return e.secrets, nil
	}
	found, err := e.foundSecrets(ctx, request)
	if err != nil {
		return "", readable(err)
	}
	return jsonOf(found), nil
}

// foundSecrets is what the application's function gives. One that panics is the application's mistake, of which its sender gets to know the status.
func (e *Endpoint) foundSecrets(ctx context.Context, request *WebhookRequest) (found []string, err error) {
	defer func() {
		if value := recover(); value != nil {
			found, err = nil, panicError(value)
		}
	}()
	return e.findSecrets(ctx, request)
}

func jsonOf(secrets []string) string {
	if secrets == nil {
		secrets = []string{}
	}
	encoded, err := json.Marshal(secrets)
	if err != nil {
		panic(err) // texts alone: it cannot
	}
	return string(encoded)
}

// notNil: the driver binds a nil slice as NULL.
func notNil(body []byte) []byte {
	if body == nil {
		return []byte{}
	}
	return body
}

// Sign gives the request that the endpoint's provider would send, signed with this secret at the hooks' time: for tests and demonstrations. Headers
// that are no part of the signature, such as X-GitHub-Event, are kept.
func (e *Endpoint) Sign(request *WebhookRequest, secret string) (*WebhookRequest, error) {
	found, err := e.database.rows(context.Background(), "SELECT provider, options FROM knocker_endpoints WHERE name = ?", e.name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0][0] == nil {
		return nil, usage("endpoint %s has no provider that signs", e.name)
	}
	return e.database.sign(found[0][0], found[0][1], request, secret)
}

func (d *database) sign(provider, options driver.Value, request *WebhookRequest, secret string) (*WebhookRequest, error) {
	if request == nil {
		return nil, errNoRequest
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.using.Done()
	given, err := d.judges.judge(context.Background(), len(request.Body), "knocker_sign", provider, options, request.asJSON(), notNil(request.Body), secret, d.now())
	if err != nil {
		return nil, err
	}
	var signed struct {
		Headers   map[string]string `json:"headers"`
		URL, Body *string
	}
	if err := readJSON(given, &signed); err != nil {
		return nil, err
	}
	made := &WebhookRequest{Method: request.Method, URL: request.URL, Header: request.Header.Clone(), Body: request.Body}
	if made.Header == nil {
		made.Header = http.Header{}
	}
	for name, value := range signed.Headers {
		made.Header.Set(name, value)
	}
	if signed.URL != nil {
		made.URL = *signed.URL
	}
	if signed.Body != nil {
		made.Body = []byte(*signed.Body)
	}
	return made, nil
}
