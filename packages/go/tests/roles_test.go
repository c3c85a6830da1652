//go:build unix

package tests

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
)

// roles are what other processes of these tests do. They end when their standard input does, as it does with the test that started them.
var roles = map[string]func() error{"server": serverRole, "worker": workerRole, "nobody": nobodyRole, "tenants": tenantsRole, "sender": senderRole}

// untilInputEnds is a context that the test ends.
func untilInputEnds() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx
}

func roleHooks() (*knocker.Hooks, *knocker.Endpoint, context.Context, error) {
	ctx := untilInputEnds()
	hooks, err := knocker.Open(os.Getenv("KNOCKER_TEST_FILE"), knocker.BusyTimeout(patience), knocker.Logger(quiet()))
	if err != nil {
		return nil, nil, ctx, err
	}
	endpoint, err := hooks.Endpoint("github", knocker.Provider("github"), knocker.Secrets(secret), knocker.MaxAttempts(1000),
		// What a killed worker held is tried again as soon as its lease has run out.
		knocker.WithBackoff(knocker.BackoffSettings{Base: time.Millisecond, Factor: 1, Cap: time.Second}))
	return hooks, endpoint, ctx, err
}

// serverRole receives over HTTP, at the address that it prints.
func serverRole() error {
	hooks, _, ctx, err := roleHooks()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: hooks.Handler()}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	fmt.Println(listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return hooks.Close()
}

// workerRole stores an order for each event.
func workerRole() error {
	hooks, endpoint, ctx, err := roleHooks()
	if err != nil {
		return err
	}
	endpoint.On("push", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?, ?)", e.Key, e.ID)
		return err
	})
	fmt.Println("ready")
	if err := hooks.Work(ctx, knocker.Concurrency(2), knocker.Lease(time.Second)); err != nil {
		return err
	}
	return hooks.Close()
}

// senderRole stores an event for each tenant of a folder that is named to it, and says when it was committed.
func senderRole() error {
	fmt.Println("ready")
	for names := bufio.NewScanner(os.Stdin); names.Scan(); {
		hooks, err := knocker.Open(filepath.Join(os.Getenv("KNOCKER_TEST_FILE"), names.Text()+".db"), knocker.Logger(quiet()))
		if err != nil {
			return err
		}
		inbox, err := hooks.ExistingEndpoint("inbox")
		if err != nil {
			return err
		}
		if _, err := inbox.Ingest(context.Background(), knocker.IngestFields{Valid: true, Type: "order"}, []byte("{}")); err != nil {
			return err
		}
		fmt.Println(time.Now().UnixNano())
		if err := hooks.Close(); err != nil {
			return err
		}
	}
	return nil
}

// process is one of the roles at work.
type process struct {
	t       *testing.T
	command *exec.Cmd
	input   io.WriteCloser
	lines   chan string
	ended   chan struct{}
	// told is its first line, lines are those that follow.
	told string
}

func start(t *testing.T, role, path string) *process {
	t.Helper()
	p := &process{t: t, command: exec.Command(os.Args[0]), lines: make(chan string, 64), ended: make(chan struct{})}
	p.command.Env = append(os.Environ(), "KNOCKER_TEST_ROLE="+role, "KNOCKER_TEST_FILE="+path)
	p.command.Stderr = os.Stderr
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.input = must[io.WriteCloser](t)(p.command.StdinPipe())
	output := must[io.ReadCloser](t)(p.command.StdoutPipe())
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	reader := bufio.NewReader(output)
	line, err := reader.ReadString('\n')
	p.told = strings.TrimSpace(line)
	go func() {
		for err == nil {
			var next string
			if next, err = reader.ReadString('\n'); err == nil {
				p.lines <- strings.TrimSpace(next)
			}
		}
		_ = p.command.Wait()
		close(p.ended)
	}()
	if p.told == "" {
		t.Fatalf("%s ended before it said anything", role)
	}
	return p
}

// kill ends it by SIGKILL, wherever it is.
func (p *process) kill() {
	_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL)
	<-p.ended
	_ = p.input.Close()
}

// stop lets it end by itself.
func (p *process) stop() {
	p.t.Helper()
	_ = p.input.Close()
	waitFor(p.t, "it ends", p.ended)
	if code := p.command.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("it ended with %d", code)
	}
}
