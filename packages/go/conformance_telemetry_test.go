package knocker_test

import (
	"testing"

	"github.com/knocker/knocker-go/internal/conformance"
)

// TestTelemetry runs each case of the data without an SDK of OpenTelemetry; knockerotel has one, and runs them too.
func TestTelemetry(t *testing.T) {
	ran := conformance.Telemetry(t, nil)
	if !t.Failed() {
		conformance.WriteCount(t, "telemetry", ran)
	}
}
