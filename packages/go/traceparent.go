package knocker

import (
	"net/http"
	"strconv"
	"strings"
)

// The headers that a receive adds to those that are stored, where it has a span of its own. No header of the sender is touched.
const (
	receiveTraceparent = "Knocker-Traceparent"
	receiveTracestate  = "Knocker-Tracestate"
)

// TraceContext is a trace to go on with, as W3C Trace Context writes it (https://www.w3.org/TR/trace-context/). Without Traceparent there is none.
type TraceContext struct {
	// Traceparent is valid where it is not empty, and of version 00.
	Traceparent string
	// Tracestate belongs to it, and may be empty.
	Tracestate string
}

// TraceID is the id of the trace: 32 hexadecimal digits, or nothing.
func (t TraceContext) TraceID() string {
	if t.Traceparent == "" {
		return ""
	}
	return t.Traceparent[3:35]
}

// Traceparent is the trace to go on with: the span of the receive where tracing was set up there, or else what the sender said. It is empty where
// there is none, or a malformed one.
func (e *Event) Traceparent() string { return traceOf(e.Delivery.Header).Traceparent }

// Tracestate is what belongs to [Event.Traceparent].
func (e *Event) Tracestate() string { return traceOf(e.Delivery.Header).Tracestate }

// traceOf is what an event goes on with.
func traceOf(header http.Header) TraceContext {
	// A sender may have used that name: the package's own comes last.
	if added := readTrace(last(header.Values(receiveTraceparent)), last(header.Values(receiveTracestate))); added.Traceparent != "" {
		return added
	}
	return sentTrace(header)
}

// sentTrace is what the sender said.
func sentTrace(header http.Header) TraceContext {
	return readTrace(header.Values("Traceparent"), header.Values("Tracestate"))
}

func last(values []string) []string {
	if len(values) > 1 {
		return values[len(values)-1:]
	}
	return values
}

const blank = " \t"

func readTrace(traceparents, tracestates []string) TraceContext {
	if len(traceparents) != 1 {
		return TraceContext{}
	}
	given := strings.Trim(traceparents[0], blank)
	if len(given) < 55 || given[2] != '-' || given[35] != '-' || given[52] != '-' {
		return TraceContext{}
	}
	version, trace, span, flags, more := given[:2], given[3:35], given[36:52], given[53:55], given[55:]
	if !isHex(version+trace+span+flags) || version == "ff" || isZero(trace) || isZero(span) {
		return TraceContext{}
	}
	// A later version may say more after a dash.
	if more != "" && (version == "00" || more[0] != '-') {
		return TraceContext{}
	}
	if version != "00" {
		// Of a version that is not known here, the first flag alone means something.
		value, _ := strconv.ParseUint(flags, 16, 8)
		flags = "0" + strconv.FormatUint(value&1, 16)
	}
	var states []string
	for _, state := range tracestates {
		if state = strings.Trim(state, blank); state != "" {
			states = append(states, state)
		}
	}
	return TraceContext{"00-" + trace + "-" + span + "-" + flags, strings.Join(states, ",")}
}

func isHex(text string) bool {
	for _, digit := range []byte(text) {
		if (digit < '0' || digit > '9') && (digit < 'a' || digit > 'f') {
			return false
		}
	}
	return true
}

func isZero(id string) bool { return strings.Trim(id, "0") == "" }
