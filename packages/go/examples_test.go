package knocker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
	"github.com/knocker/knocker-go/knockertest"
)

// examples is the folder of the examples; run-module names a copy that stands in a module of its own, which has got this module from a proxy.
func examples() string {
	if folder := os.Getenv("KNOCKER_TEST_EXAMPLES"); folder != "" {
		return folder
	}
	return filepath.Join("..", "..", "examples", "go")
}

// program builds one of the examples.
func program(t *testing.T, name string) string {
	t.Helper()
	built := filepath.Join(t.TempDir(), name)
	// As the suite itself, so that SQLite is compiled once.
	build := exec.Command("go", "build", "-race", "-o", built, "./"+name)
	build.Dir = examples()
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
	return built
}

// running is a program that was started, and is ended by SIGTERM.
type running struct {
	t       *testing.T
	command *exec.Cmd
	printed *bytes.Buffer
	ended   chan error
}

func start(t *testing.T, path, folder string, environment ...string) *running {
	t.Helper()
	r := &running{t: t, command: exec.Command(path), printed: &bytes.Buffer{}, ended: make(chan error, 1)}
	r.command.Dir = folder
	r.command.Env = append(os.Environ(), environment...)
	if os.Getenv("KNOCKER_TEST_EXAMPLES") != "" {
		// It has the library that its module brought.
		r.command.Env = append(r.command.Env, "KNOCKER_EXTENSION=")
	}
	r.command.Stdout, r.command.Stderr = r.printed, r.printed
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- r.command.Wait() }()
	t.Cleanup(func() { _ = r.command.Process.Kill() })
	return r
}

// end asks it to end, and waits until it has.
func (r *running) end() {
	r.t.Helper()
	_ = r.command.Process.Signal(syscall.SIGTERM)
	if err := <-r.ended; err != nil {
		r.t.Errorf("%v\n%s", err, r.printed)
	}
}

func freePort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// post sends what the provider would have sent, once the server listens.
func post(t *testing.T, port string, request *knocker.WebhookRequest) int {
	t.Helper()
	until(t, "the server listens", func() bool {
		connection, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		return connection.Close() == nil
	})
	path := request.URL[strings.Index(request.URL, "/webhooks"):]
	sent, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:"+port+path, bytes.NewReader(request.Body))
	if err != nil {
		t.Fatal(err)
	}
	sent.Header = request.Header
	answer, err := http.DefaultClient.Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// signed gives the two requests of the examples, as their providers send them now.
func signed(t *testing.T) (checkout, push *knocker.WebhookRequest) {
	t.Helper()
	hooks, err := knocker.Open(knockertest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hooks.Close() }()
	sign := func(provider, secret, payload string, header map[string]string) *knocker.WebhookRequest {
		endpoint, err := hooks.Endpoint(provider, knocker.Provider(provider), knocker.Secrets(secret))
		if err != nil {
			t.Fatal(err)
		}
		body, err := os.ReadFile(filepath.Join("..", "..", "examples", "payloads", payload))
		if err != nil {
			t.Fatal(err)
		}
		return knockertest.Sign(t, endpoint, secret, header, string(body))
	}
	return sign("stripe", "whsec_test", "stripe-checkout-session-completed.json", nil),
		sign("github", "test-secret", "github-push.json", map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "a-delivery"})
}

// handled waits until so many events are.
func handled(t *testing.T, path string, count int64) {
	t.Helper()
	hooks, err := knocker.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hooks.Close() }()
	until(t, "events are handled", func() bool {
		stats, err := hooks.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return stats.Events.Handled == count
	})
}

var secrets = []string{"STRIPE_WEBHOOK_SECRET=whsec_test", "GITHUB_WEBHOOK_SECRET=test-secret"}

func TestExampleQuickStartTakesAnOrder(t *testing.T) {
	folder, port := t.TempDir(), freePort(t)
	server := start(t, program(t, "quickstart"), folder, append(secrets, "PORT="+port)...)
	checkout, _ := signed(t)
	if first, again := post(t, port, checkout), post(t, port, checkout); first != 200 || again != 200 {
		t.Fatal(first, again)
	}
	handled(t, filepath.Join(folder, "app.db"), 1)
	server.end()
}

func TestExampleServerReceivesAndWorks(t *testing.T) {
	folder, port := t.TempDir(), freePort(t)
	server := start(t, program(t, "server"), folder, append(secrets, "PORT="+port)...)
	takesBoth(t, port)
	handled(t, filepath.Join(folder, "shop.db"), 2)
	server.end()
	look := start(t, program(t, "operate"), folder)
	if err := <-look.ended; err != nil {
		t.Fatal(err, look.printed)
	}
	// It has replayed the first event.
	if want := "0 requeued\n1 waiting, 0 dead\n"; look.printed.String() != want {
		t.Errorf("operate printed %q, not %q", look.printed, want)
	}
}

func TestExampleChiReceivesAndAWorkerWorks(t *testing.T) {
	folder, port := t.TempDir(), freePort(t)
	server := start(t, program(t, "chi"), folder, append(secrets, "PORT="+port)...)
	worker := start(t, program(t, "worker"), folder, secrets...)
	takesBoth(t, port)
	handled(t, filepath.Join(folder, "shop.db"), 2)
	answer, err := http.Get("http://127.0.0.1:" + port + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, _ := io.ReadAll(answer.Body); string(body) != `{"dead":0,"waiting":0}`+"\n" {
		t.Errorf("%s", body)
	}
	worker.end()
	server.end()
}

func takesBoth(t *testing.T, port string) {
	t.Helper()
	checkout, push := signed(t)
	forged := &knocker.WebhookRequest{URL: checkout.URL, Header: http.Header{}, Body: checkout.Body}
	got := []int{post(t, port, checkout), post(t, port, checkout), post(t, port, push), post(t, port, forged)}
	if !slices.Equal(got, []int{200, 200, 200, 401}) {
		t.Fatal(got)
	}
}

var block = regexp.MustCompile("(?s)<!-- from ([^ ]+) -->\n```go\n(.*?)```")

// What the README shows is what was run.
func TestReadmeIsCutFromTheExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := block.FindAllSubmatch(readme, -1)
	if all := bytes.Count(readme, []byte("```go\n")); len(blocks) == 0 || len(blocks) != all {
		t.Errorf("%d of %d blocks of Go say where they are from", len(blocks), all)
	}
	for _, found := range blocks {
		source, err := os.ReadFile(filepath.Join("..", "..", string(found[1])))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(unindented(string(source)), unindented(string(found[2]))) {
			t.Errorf("not in %s:\n%s", found[1], found[2])
		}
	}
}

// unindented: a part of a function begins at the left in the README.
func unindented(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
