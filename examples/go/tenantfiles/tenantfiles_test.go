package tenantfiles

import (
	"bytes"
	"context"
	"database/sql"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

func TestEachTenantsPaymentsAreInItsFile(t *testing.T) {
	for _, name := range []string{"ACME", "GLOBEX"} {
		t.Setenv("STRIPE_WEBHOOK_SECRET_"+name, "whsec_"+name)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	t.Setenv("PORT", port)
	folder := t.TempDir()
	tenants, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer tenants.Close()
	for _, name := range []string{"acme", "globex"} {
		if err := tenants.Create(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- Serve(ctx, tenants) }()
	hooks, done, err := tenants.Hooks(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	paid := knockertest.Sign(t, hooks.Endpoints()[0], "whsec_ACME", nil, `{"id": "evt_1", "type": "invoice.paid"}`)
	done()
	for tenant, expected := range map[string]int{"acme": http.StatusOK, "globex": http.StatusUnauthorized, "nobody": http.StatusNotFound} {
		if status := send(t, port, tenant, paid); status != expected {
			t.Errorf("%s: answered %d, not %d", tenant, status, expected)
		}
	}
	for payments(filepath.Join(folder, "acme.db")) != 1 {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func send(t *testing.T, port, tenant string, request *knocker.WebhookRequest) int {
	for {
		sent, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:"+port+"/webhooks/stripe", bytes.NewReader(request.Body))
		if err != nil {
			t.Fatal(err)
		}
		sent.Header, sent.Host = request.Header, tenant+".shop.example"
		answer, err := http.DefaultClient.Do(sent)
		if err != nil {
			// It does not listen yet.
			time.Sleep(5 * time.Millisecond)
			continue
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
}

// payments are those in a file; none where there is no table.
func payments(file string) (found int) {
	db, err := sql.Open("sqlite3", file)
	if err != nil {
		return 0
	}
	defer func() { _ = db.Close() }()
	_ = db.QueryRow("SELECT count(*) FROM payments").Scan(&found)
	return found
}
