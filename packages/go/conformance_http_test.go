package knocker_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
)

// TestHTTP runs each case of the data over sockets to net/http.
func TestHTTP(t *testing.T) {
	ran := conformance.HTTP(t, conformance.Server{
		Mount: func(handler http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/webhooks/", handler)
			mux.Handle("/webhooks", http.NotFoundHandler())
			return unclean(mux, handler)
		},
		Full: knocker.LimitPages,
	})
	if !t.Failed() {
		conformance.WriteCount(t, "http", ran)
	}
}

// unclean passes on what is below the mount as it is: http.ServeMux redirects paths that it would write otherwise.
func unclean(mux, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/webhooks/") {
			handler.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
