package tests

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
)

// securedNodes gives the address of nodes that speak HTTPS and ask for credentials, and what of it names the nodes.
func securedNodes(t *testing.T) (address, nodes string) {
	t.Helper()
	cluster := conformance.Rqlite(t)
	if !strings.HasPrefix(cluster.URL, "rqlites://") {
		t.Skip("NOT TESTED HERE: nodes of rqlite that speak HTTPS, because `make test-rqlite` has not started one")
	}
	return cluster.URL, cluster.URL[strings.LastIndexByte(cluster.URL, '@')+1:]
}

func TestSecuredNodesAreSpokenToWithTheCredentials(t *testing.T) {
	address, _ := securedNodes(t)
	hooks := openAt(t, address, knocker.Logger(quiet()))
	receipt := must[*knocker.Receipt](t)(inbox(t, hooks).Ingest(context.Background(), knocker.IngestFields{Valid: true}, []byte("a")))
	event := must[knocker.EventRecord](t)(hooks.Event(context.Background(), receipt.EventID))
	if string(event.Body) != "a" {
		t.Errorf("%q", event.Body)
	}
}

func TestSecuredNodesRefuseOtherCredentialsAtOnceAndNothingRepeatsThem(t *testing.T) {
	_, nodes := securedNodes(t)
	for _, credentials := range []string{"", "knocker:an%3Aother@", "nobody:the%2Fpass%3Aword@"} {
		_, err := knocker.Open("rqlites://"+credentials+nodes, knocker.BusyTimeout(time.Minute))
		isError(t, "opening", err, knocker.ErrUsage)
		for _, told := range []string{"an:other", "an%3Aother", "the/pass", "the%2Fpass", "nobody"} {
			if strings.Contains(err.Error(), told) {
				t.Error(err)
			}
		}
		if !strings.Contains(err.Error(), "401") {
			t.Error(err)
		}
	}
}

func TestSecuredNodesAreNotSpokenToWithoutHTTPS(t *testing.T) {
	address, _ := securedNodes(t)
	_, err := knocker.Open(strings.Replace(address, "rqlites://", "rqlite://", 1))
	isError(t, "opening", err, knocker.ErrUsage)
	if !strings.Contains(err.Error(), "400") || strings.Contains(err.Error(), "the/pass") || strings.Contains(err.Error(), "the%2Fpass") {
		t.Error(err)
	}
}
