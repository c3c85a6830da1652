package conformance

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
)

// Cluster is three real nodes of rqlite, which extension/conformance/rqlite/cluster.py has started for the tests.
type Cluster struct {
	// URL is what Knocker opens.
	URL string

	t       testing.TB
	control string
}

// Rqlite gives the cluster. Where there is none, the test says so and is none.
func Rqlite(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{URL: os.Getenv("KNOCKER_RQLITE_URL"), t: t, control: os.Getenv("KNOCKER_RQLITE_CONTROL")}
	if c.URL == "" {
		t.Skip("NOT TESTED HERE: a cluster of rqlite, because `make test-rqlite` has not started one")
	}
	return c
}

// Ask has the harness do something to the cluster, and reads its answer.
func (c *Cluster) Ask(method, path string, into any) {
	c.t.Helper()
	if err := c.TryToAsk(method, path, into); err != nil {
		c.t.Fatal(err)
	}
}

// TryToAsk is as Ask, for goroutines that must not end the test.
func (c *Cluster) TryToAsk(method, path string, into any) error {
	request, err := http.NewRequest(method, c.control+path, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return &clusterError{path, string(text)}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

type clusterError struct{ path, answer string }

func (e *clusterError) Error() string { return e.path + ": " + e.answer }
