package tests

import (
	"context"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v5"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/internal/conformance"
)

// mounted are the hooks below /webhooks, as the users of each framework mount an http.Handler.
var mounted = map[string]func(http.Handler) http.Handler{
	"chi": func(hooks http.Handler) http.Handler {
		router := chi.NewRouter()
		router.Mount("/webhooks", hooks)
		return router
	},
	"gin": func(hooks http.Handler) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		router := gin.New()
		router.Any("/webhooks/*endpoint", gin.WrapH(hooks))
		return router
	},
	"echo": func(hooks http.Handler) http.Handler {
		router := echo.New()
		router.Any("/webhooks/*", echo.WrapHandler(hooks))
		return router
	},
}

// alone is one endpoint at a path of its own.
var alone = map[string]func(*knocker.Endpoint) http.Handler{
	"chi": func(endpoint *knocker.Endpoint) http.Handler {
		router := chi.NewRouter()
		router.Method(http.MethodPost, "/in", endpoint)
		return router
	},
	"gin": func(endpoint *knocker.Endpoint) http.Handler {
		router := gin.New()
		router.POST("/in", gin.WrapH(endpoint))
		return router
	},
	"echo": func(endpoint *knocker.Endpoint) http.Handler {
		router := echo.New()
		router.POST("/in", echo.WrapHandler(endpoint))
		return router
	},
}

func TestFrameworksAnswerAsTheDataSays(t *testing.T) {
	for name, mount := range mounted {
		t.Run(name, func(t *testing.T) {
			ran := conformance.HTTP(t, conformance.Server{Mount: mount})
			t.Logf("%d conformance cases of http under %s", ran, name)
		})
	}
}

func TestAnEndpointIsAHandlerOfItsOwn(t *testing.T) {
	for name, mount := range alone {
		t.Run(name, func(t *testing.T) {
			hooks := open(t)
			endpoint := github(t, hooks)
			address := "http://" + serve(t, mount(endpoint)) + "/in"
			client := &http.Client{Transport: &http.Transport{}}
			t.Cleanup(client.CloseIdleConnections)
			for n := range 3 {
				if status := post(t, client, address, push(t, endpoint, n)); status != http.StatusOK {
					t.Errorf("answered %d", status)
				}
			}
			handled := 0
			endpoint.On("push", func(context.Context, *knocker.Tx, *knocker.Event) error {
				handled++
				return nil
			})
			must[[]knocker.Attempted](t)(hooks.Drain(context.Background(), 10))
			if handled != 3 {
				t.Errorf("%d events are handled, expected 3", handled)
			}
		})
	}
}
