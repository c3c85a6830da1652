//go:build cgo

package knocker

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
)

// SQLite asks an authorizer about each part of a statement that is prepared, and at no other time.
func TestTheClaimedJobsAreReadWithoutPreparingAStatementAgain(t *testing.T) {
	o, err := optionsOf(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := openConn(filepath.Join(t.TempDir(), "app.db"), true, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, statement := range []string{"SELECT knocker_bootstrap()", `SELECT knocker_endpoint('inbox', '{}')`} {
		if err := c.exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	queue := leases{"worker", (&database{options: o}).now}
	parts := 0
	c.raw.RegisterAuthorizer(func(int, string, string, string) int {
		parts++
		return sqlite3.SQLITE_OK
	})
	for range 3 {
		if err := c.exec(`SELECT knocker_ingest('inbox', '{"valid":true}', x'00')`); err != nil {
			t.Fatal(err)
		}
		if _, err := queue.claim(c, 1, time.Minute, []string{"inbox"}); err != nil {
			t.Fatal(err)
		}
		parts = 0
		if jobs, err := queue.jobs(c, []int64{}); err != nil || len(jobs) == 0 {
			t.Fatal(jobs, err)
		}
	}
	if parts != 0 {
		t.Errorf("a statement of %d parts was prepared again", parts)
	}
}
