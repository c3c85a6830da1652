package knocker_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/knocker/knocker-go"
)

func ExampleOpenMany() {
	folder, err := os.MkdirTemp("", "tenants-")
	check(err)
	defer func() { _ = os.RemoveAll(folder) }()
	ctx, cancel := context.WithCancel(context.Background())
	setUp := func(hooks *knocker.Hooks, tenant string) error {
		orders, err := hooks.Endpoint("orders")
		if err != nil {
			return err
		}
		orders.On("order.paid", func(context.Context, *knocker.Tx, *knocker.Event) error {
			fmt.Println("paid at", tenant)
			cancel()
			return nil
		})
		return nil
	}
	tenants, err := knocker.OpenMany(filepath.Join(folder, "*.db"), setUp, silent)
	check(err)
	check(tenants.Create(ctx, "acme"))
	hooks, done, err := tenants.Hooks(ctx, "acme")
	check(err)
	ingestExample(hooks.Endpoints()[0], "order.paid", "")
	done()
	// For all of them, until ctx ends.
	check(tenants.Work(ctx))
	check(tenants.Close())
	// Output: paid at acme
}

func ExampleTenants_Handler() {
	folder, err := os.MkdirTemp("", "tenants-")
	check(err)
	defer func() { _ = os.RemoveAll(folder) }()
	tenants, err := knocker.OpenMany(filepath.Join(folder, "*.db"), func(hooks *knocker.Hooks, _ string) error {
		_, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets("test-secret"))
		return err
	}, silent)
	check(err)
	mux := http.NewServeMux()
	// https://acme.shop.example/webhooks/github
	mux.Handle("POST /webhooks/", tenants.Handler(func(r *http.Request) string {
		tenant, _, _ := strings.Cut(r.Host, ".")
		return tenant
	}))
	names, err := tenants.Names()
	check(err)
	fmt.Println(len(names), "tenants yet")
	check(tenants.Close())
	// Output: 0 tenants yet
}
