package knocker

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/knocker/knocker-go/internal/rqlite"
)

// Those who store in a cluster never write by themselves: one request is sent for all who come together.
func TestTheWriterOfAClusterAnswersEverybodyAndEnds(t *testing.T) {
	// Nobody listens there any more.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	address, err := rqlite.ParseAddress("rqlite://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o, err := optionsOf([]Option{BusyTimeout(50 * time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	cluster := &rqliteCluster{nodes: rqlite.NewNodes(address), options: o}
	d := newDatabase(address.String(), o, cluster)
	cluster.now, cluster.changed = func() driver.Value { return int64(0) }, func() {}
	canEnd, cancel := context.WithCancel(context.Background())
	defer cancel()
	for round := range 3 {
		var all sync.WaitGroup
		// More than share a commit.
		for caller := range 2*mostCalls + 1 {
			ctx := context.Background()
			if caller%2 == 0 {
				ctx = canEnd
			}
			all.Add(1)
			go func() {
				defer all.Done()
				if _, err := d.writer.call(ctx, storeFunction, "inbox", []byte("{}"), int64(0)); !errors.Is(err, ErrClusterUnavailable) {
					t.Errorf("round %d: %v", round, err)
				}
			}()
		}
		all.Wait()
	}
	d.close()
	if _, err := d.writer.call(context.Background(), storeFunction, "inbox", []byte("{}"), int64(0)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
