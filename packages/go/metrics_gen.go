// Code generated from extension/contract/contract.json by `make contract`. DO NOT EDIT.

package knocker

const (
	prometheusType  = "text/plain; version=0.0.4; charset=utf-8"
	openmetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"
)

// receiveBoundsUS are the bounds between which it is counted how long receipts took, in microseconds.
var receiveBoundsUS = [13]int64{500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000}
