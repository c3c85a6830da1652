package knocker

import (
	"context"
	"log/slog"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Option says how a file is opened.
type Option func(*openOptions) error

type openOptions struct {
	synchronous    string
	busyTimeout    time.Duration
	library        string
	clock          func() time.Time
	logger         *slog.Logger
	tracer         Tracer
	publicURL      string
	trustedProxies []netip.Prefix
	trustUnix      bool
	bodyTimeout    time.Duration
	replicated     string
	replicatedWait time.Duration
	maxOpen        int
	// isThere: the file is opened, and never made.
	isThere bool
	onError func(context.Context, error, *Event)
	onDead  func(context.Context, *Event, string)
}

func optionsOf(given []Option) (*openOptions, error) {
	o := &openOptions{synchronous: "FULL", busyTimeout: 5 * time.Second, logger: slog.Default(), bodyTimeout: 30 * time.Second, replicatedWait: 5 * time.Second}
	if err := apply(o, given); err != nil {
		return nil, err
	}
	library, err := loadablePath(o.library)
	if err != nil {
		return nil, err
	}
	o.library = library
	o.logger = loggerApart(o.logger)
	return o, nil
}

// apply has options say what they say to the settings that they are of. One that is nil says nothing.
func apply[Settings any, Given ~func(*Settings) error](settings *Settings, options []Given) error {
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(settings); err != nil {
			return err
		}
	}
	return nil
}

// SynchronousNormal commits without a sync of its own: several times as fast, and a power cut takes what was acknowledged in the last moments. A
// killed process still loses nothing.
func SynchronousNormal() Option {
	return func(o *openOptions) error {
		o.synchronous = "NORMAL"
		return nil
	}
}

// BusyTimeout is how long a call waits for another process's write lock; 5 seconds by default, 0 does not wait.
func BusyTimeout(patience time.Duration) Option {
	return func(o *openOptions) error {
		if patience < 0 {
			return usage("BusyTimeout: %v is negative", patience)
		}
		o.busyTimeout = patience
		return nil
	}
}

// Replicated has each receipt wait until a Litestream that replicates the file has it in its replica; socket is the path of its control socket. A receipt
// that it does not get in time is stored and gives [ErrNotReplicated], which is answered with 503: what the sender sends again is a duplicate.
func Replicated(socket string) Option {
	return func(o *openOptions) error {
		if strings.TrimSpace(socket) == "" {
			return usage("Replicated: the path of Litestream's control socket is %q; without this option no receipt waits for a replica", socket)
		}
		// Connections are opened later, wherever the process has gone by then.
		absolute, err := filepath.Abs(socket)
		if err != nil {
			return usage("Replicated: %v", err)
		}
		o.replicated = absolute
		return nil
	}
}

// ReplicatedTimeout is how long a receipt waits for the replica; 5 seconds by default.
func ReplicatedTimeout(patience time.Duration) Option {
	return func(o *openOptions) error {
		if patience <= 0 {
			return usage("ReplicatedTimeout: %v is not positive", patience)
		}
		o.replicatedWait = patience
		return nil
	}
}

// Extension is the path of the loadable library, instead of KNOCKER_EXTENSION or the one that this module carries.
func Extension(path string) Option {
	return func(o *openOptions) error {
		o.library = path
		return nil
	}
}

// Clock replaces the system's clock; for tests.
func Clock(now func() time.Time) Option {
	return func(o *openOptions) error {
		o.clock = now
		return nil
	}
}

// Logger takes what is to be told; [slog.Default] by default.
func Logger(logger *slog.Logger) Option {
	return func(o *openOptions) error {
		if logger == nil {
			return usage("Logger: nil; slog.New(slog.NewTextHandler(io.Discard, nil)) is silent")
		}
		o.logger = logger
		return nil
	}
}

// OnError is told of each failed attempt, once, with the error and the event. What it panics with is logged.
func OnError(hook func(ctx context.Context, err error, event *Event)) Option {
	return func(o *openOptions) error {
		o.onError = hook
		return nil
	}
}

// OnDead is told of each event that will not be tried again, with the reason that is stored with it.
func OnDead(hook func(ctx context.Context, event *Event, reason string)) Option {
	return func(o *openOptions) error {
		o.onDead = hook
		return nil
	}
}

// PublicURL is the application's base URL as providers know it, such as "https://shop.example". Some sign the URL that they call.
func PublicURL(base string) Option {
	return func(o *openOptions) error {
		parsed, err := url.Parse(base)
		if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Host == "" || parsed.RawQuery != "" || parsed.Fragment != "" {
			return usage("PublicURL is the base URL of the application, such as https://shop.example, not %q", base)
		}
		o.publicURL = base
		return nil
	}
}

// TrustedProxies are the addresses or networks whose X-Forwarded-Proto and X-Forwarded-Host are believed: "10.0.0.0/8", "::1"; "unix" is a peer
// that has no address.
func TrustedProxies(networks ...string) Option {
	return func(o *openOptions) error {
		for _, network := range networks {
			if network == "unix" {
				o.trustUnix = true
				continue
			}
			prefix, err := netip.ParsePrefix(network)
			if err != nil {
				address, err := netip.ParseAddr(network)
				if err != nil {
					return usage("TrustedProxies: %q is no address and no network", network)
				}
				prefix = netip.PrefixFrom(address, address.BitLen())
			}
			o.trustedProxies = append(o.trustedProxies, prefix)
		}
		return nil
	}
}

// BodyTimeout is how long a request may take to send its body; 30 seconds by default.
func BodyTimeout(patience time.Duration) Option {
	return func(o *openOptions) error {
		if patience <= 0 {
			return usage("BodyTimeout: %v is not positive", patience)
		}
		o.bodyTimeout = patience
		return nil
	}
}
