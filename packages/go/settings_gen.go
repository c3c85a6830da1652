// Code generated from extension/contract/contract.json by `make contract`. DO NOT EDIT.

package knocker

// declaredSettings get their default where the code leaves them out.
var declaredSettings = []string{
	"provider",
	"options",
	"max_attempts",
	"backoff",
	"max_body_bytes",
	"unhandled",
	"on_redelivery",
	"invalid_per_hour",
	"max_refused",
	"max_refused_bytes",
	"max_batch_events",
}

// Provider: name of a provider; without one the endpoint takes trusted ingress only.
func Provider(value string) EndpointOption { return set("provider", value) }

// ProviderOptions: options of that provider.
func ProviderOptions(value map[string]any) EndpointOption { return set("options", value) }

// Enabled: whether receipts are taken; where not, they are answered 410. Default true.
func Enabled(value bool) EndpointOption { return set("enabled", value) }

// MaxAttempts: attempts before an event is dead. 1 to 1,000. Default 10.
func MaxAttempts(value int64) EndpointOption { return set("max_attempts", value) }

// WithBackoff: the delay after attempt n: base × factorⁿ⁻¹, at most the cap, and then ±10 % of jitter.
func WithBackoff(value BackoffSettings) EndpointOption { return set("backoff", value.values()) }

// MaxBodyBytes: larger bodies are refused before verification. Where it is not set: the provider's documented maximum, at least this. 1 to
// 104,857,600 bytes. Default 1,048,576.
func MaxBodyBytes(value int64) EndpointOption { return set("max_body_bytes", value) }

// WithUnhandled: what becomes of an event that no handler wants. Default "retry".
func WithUnhandled(value Unhandled) EndpointOption { return set("unhandled", value) }

// WithOnRedelivery: what a duplicate does to its event. Default "keep".
func WithOnRedelivery(value OnRedelivery) EndpointOption { return set("on_redelivery", value) }

// InvalidPerHour: refused receipts that are stored in any hour; those beyond are only counted. 0 to 1,000,000,000. Default 1,000.
func InvalidPerHour(value int64) EndpointOption { return set("invalid_per_hour", value) }

// MaxRefused: refused deliveries that are kept in all; those beyond are only counted, until a prune or a retention policy makes room. 0 to
// 1,000,000,000. Default 10,000.
func MaxRefused(value int64) EndpointOption { return set("max_refused", value) }

// MaxRefusedBytes: bytes that they take at most, every column counted. 0 to 1,000,000,000,000 bytes. Default 134,217,728.
func MaxRefusedBytes(value int64) EndpointOption { return set("max_refused_bytes", value) }

// MaxBatchEvents: events that one delivery creates at most; a larger batch is stored whole, as one event. 1 to 1,000,000. Default 10,000.
func MaxBatchEvents(value int64) EndpointOption { return set("max_batch_events", value) }
