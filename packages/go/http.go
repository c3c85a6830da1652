package knocker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const retryAfter = "5"

// validHost is a host as RFC 3986 has it: an address in brackets or a name, and a port.
var validHost = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(:[0-9]{1,5})?$`)

// ServeHTTP receives one webhook for this endpoint, whatever the path.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address, ok := e.database.options.externalURL(r)
	if !ok {
		plain(w, http.StatusBadRequest, "bad host")
		return
	}
	e.answer(w, r, address, e.database.options.readInTime(w, r, func() (int64, error) { return e.limitOf(r) }))
}

// sentBody is what was read of a request's body.
type sentBody struct {
	bytes []byte
	// truncated: they are its beginning, and it is larger than the endpoint takes.
	truncated bool
	err       error
}

// answer stores what was sent, and answers the request.
func (e *Endpoint) answer(w http.ResponseWriter, r *http.Request, address string, sent sentBody) {
	body, truncated, err := sent.bytes, sent.truncated, sent.err
	switch {
	case err == nil && len(body) == 0 && r.ContentLength < 0:
		// Chunks without a byte: none were sent, or something in front of the endpoint has read them, which cannot be told apart.
		e.losses.tellNoBytes(e.name)
		plain(w, http.StatusLengthRequired, "send a content-length")
		return
	case err == nil && int64(len(body)) < r.ContentLength && !truncated, errors.Is(err, http.ErrBodyReadAfterClose):
		// The server holds senders to what they announce.
		e.refuse(w, r, newError("body_consumed", "something in front of the endpoint has read the body of the request, or some of it", nil))
		return
	case err == nil:
	case isTimeout(err):
		plain(w, http.StatusRequestTimeout, "the body took too long")
		return
	case codeOf(err) != "":
		e.refuse(w, r, err)
		return
	default:
		plain(w, http.StatusBadRequest, "the body ended early")
		return
	}
	header := make(http.Header, len(r.Header)+1)
	for name, values := range r.Header {
		for _, value := range values {
			header[name] = append(header[name], latin(value))
		}
	}
	header.Set("Host", r.Host)
	request := &WebhookRequest{Method: r.Method, URL: latin(address), Header: header, Body: body, Truncated: truncated}
	// A sender that goes away has sent all there is, and what was begun is stored.
	receipt, err := e.receive(context.WithoutCancel(r.Context()), request, r.ContentLength)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	for name, value := range receipt.Response.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(int(receipt.Response.Status))
	if receipt.Response.Status != http.StatusNoContent {
		_, _ = io.WriteString(w, receipt.Response.Body)
	}
}

// readInTime is read within BodyTimeout. Of a body that was not read to its end no more is waited for: what the server itself would still read of it
// ends at the same time, and so does the connection.
func (o *openOptions) readInTime(w http.ResponseWriter, r *http.Request, limitOf func() (int64, error)) sentBody {
	control := http.NewResponseController(w)
	// Not every writer can: behind another server, the time is that one's to limit.
	_ = control.SetReadDeadline(time.Now().Add(o.bodyTimeout))
	limit, err := limitOf()
	sent := sentBody{err: err}
	if err == nil {
		sent = read(w, r, limit)
	}
	if sent.err == nil && !sent.truncated {
		_ = control.SetReadDeadline(time.Time{})
	} else if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	return sent
}

// limitOf is how large the body of the request may be.
func (e *Endpoint) limitOf(r *http.Request) (int64, error) {
	limit := e.maxBodyBytes.Load()
	if r.ContentLength < 0 || r.ContentLength > limit {
		// Another process, or an operator, may have changed it.
		return e.readMaxBodyBytes()
	}
	return limit, nil
}

// read gives the body, or its beginning where it is larger than the limit.
func read(w http.ResponseWriter, r *http.Request, limit int64) sentBody {
	if r.ContentLength > limit {
		// Nothing of it is read.
		return sentBody{truncated: true}
	}
	if r.Body == nil {
		// No server gives such a request, but tests do.
		return sentBody{}
	}
	// A byte more than is taken, which says that it is too large.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit+1))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || (err == nil && int64(len(body)) > limit) {
		return sentBody{bytes: body, truncated: true}
	}
	return sentBody{bytes: body, err: err}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (e *Endpoint) refuse(w http.ResponseWriter, r *http.Request, err error) {
	refuse(w, r, e.database.options.logger.With("endpoint", e.name), err)
}

// refuse answers where nothing was stored. Where that may pass, the sender is told when to try again. No word of the inside goes out.
func refuse(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	if errors.Is(err, ErrUnknownEndpoint) {
		notFound(w)
		return
	}
	passes := errors.Is(err, ErrDatabase) || errors.Is(err, ErrStaleJudgement) || errors.Is(err, ErrClosed) || r.Context().Err() != nil
	status := http.StatusInternalServerError
	if passes {
		status = http.StatusServiceUnavailable
	}
	what := []any{"record", "receipt_failed", "status", status}
	if code := codeOf(err); code != "" {
		message := "receipt not stored"
		if errors.Is(err, ErrNotReplicated) {
			message = "receipt not replicated"
		}
		log.Error(message, append(what, "code", code, "error", messageOf(err))...)
	} else if r.Context().Err() == nil {
		// Of the application's own function of secrets, most likely: its message may hold one, its type and the places in the code do not.
		what = append(what, "code", "internal", "error", fmt.Sprintf("%T", err))
		var panicked *PanicError
		if errors.As(err, &panicked) {
			what = append(what, "stack", string(panicked.Stack))
		}
		log.Error("receipt not stored", what...)
	}
	if passes {
		w.Header().Set("Retry-After", retryAfter)
		plain(w, status, "try again later")
		return
	}
	plain(w, status, "internal error: nothing was stored")
}

func notFound(w http.ResponseWriter) { plain(w, http.StatusNotFound, "no such endpoint") }

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// Handler serves every endpoint: the last part of the path names it, wherever it is mounted, with or without a slash at the end. So
// mux.Handle("/webhooks/", hooks.Handler()) takes /webhooks/stripe, and /webhooks/acme/stripe too.
func (h *Hooks) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if endpoint := h.find(lastPart(r)); endpoint != nil {
			endpoint.ServeHTTP(w, r)
			return
		}
		notFound(w)
	})
}

// lastPart is what names the endpoint. A slash that is escaped parts nothing.
func lastPart(r *http.Request) string {
	path := strings.TrimSuffix(r.URL.EscapedPath(), "/")
	name, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return ""
	}
	return name
}

// longestHost is what a name and a port can be at most.
const longestHost = 255 + len(":65535")

func isHost(host string) bool { return len(host) <= longestHost && validHost.MatchString(host) }

// externalURL is the URL that the provider called; false where the request names no host that could be in one.
func (o *openOptions) externalURL(r *http.Request) (string, bool) {
	if !isHost(r.Host) {
		return "", false
	}
	target := targetOf(r)
	if o.publicURL != "" {
		return strings.TrimRight(o.publicURL, "/") + target, true
	}
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if o.trusts(r.RemoteAddr) {
		// Of several values the last is the one that the trusted peer itself has added.
		scheme = strings.ToLower(orElse(lastOf(r.Header.Values("X-Forwarded-Proto")), scheme))
		host = orElse(lastOf(r.Header.Values("X-Forwarded-Host")), host)
		if !isHost(host) || (scheme != "http" && scheme != "https") {
			return "", false
		}
	}
	return scheme + "://" + host + target, true
}

// targetOf is path and query byte for byte as they were sent: some providers sign them.
func targetOf(r *http.Request) string {
	target := r.RequestURI
	if strings.HasPrefix(target, "/") {
		return target
	}
	// The absolute form, which proxies send: what follows the host.
	if _, rest, ok := strings.Cut(target, "://"); ok {
		if begins := strings.IndexAny(rest, "/?"); begins >= 0 {
			if rest[begins] == '?' {
				return "/" + rest[begins:]
			}
			return rest[begins:]
		}
		return "/"
	}
	return r.URL.RequestURI()
}

func lastOf(values []string) string {
	joined := strings.Join(values, ",")
	return strings.TrimSpace(joined[strings.LastIndexByte(joined, ',')+1:])
}

func (o *openOptions) trusts(peer string) bool {
	address, err := netip.ParseAddrPort(peer)
	if err != nil {
		return o.trustUnix && (peer == "" || peer == "@")
	}
	for _, network := range o.trustedProxies {
		// What a listener for both families calls an IPv4 peer.
		if network.Contains(address.Addr().Unmap()) {
			return true
		}
	}
	return false
}
