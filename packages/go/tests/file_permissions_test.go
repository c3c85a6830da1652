//go:build unix

package tests

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/knocker/knocker-go"
)

const nobody = 65534

// nobodyRole has no right to do what it wants until it is told so.
func nobodyRole() error {
	told := bufio.NewReader(os.Stdin)
	step := func(what any) {
		fmt.Println(what)
		_, _ = told.ReadString('\n')
	}
	path := os.Getenv("KNOCKER_TEST_FILE")
	ctx := context.Background()
	fields := knocker.IngestFields{Valid: true, Type: "paid"}
	first, err := knocker.Open(path, knocker.Logger(quiet()))
	if err != nil {
		return err
	}
	box, err := first.Endpoint("inbox")
	if err != nil {
		return err
	}
	if _, err := box.Ingest(ctx, fields, nil); err != nil {
		return err
	}
	if err := first.Close(); err != nil {
		return err
	}
	step("stored")
	hooks, err := knocker.Open(path, knocker.Logger(quiet()))
	if err != nil {
		return err
	}
	if box, err = hooks.ExistingEndpoint("inbox"); err != nil {
		return err
	}
	handled := make(chan int, 10)
	box.On("*", func(ctx context.Context, tx *knocker.Tx, e *knocker.Event) error {
		_, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (id)")
		handled <- e.Attempt
		return err
	})
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- hooks.Work(working) }()
	var known *knocker.Error
	_, err = box.Ingest(ctx, fields, nil)
	errors.As(err, &known)
	_, err = box.Ingest(ctx, fields, nil)
	updating := hooks.UpdateEndpoint(ctx, "inbox", knocker.MaxAttempts(3))
	step(fmt.Sprint(known.Code, " ", errors.Is(err, knocker.ErrReadOnly), " ", errors.Is(updating, knocker.ErrReadOnly)))
	receipt, err := box.Ingest(ctx, fields, nil)
	if err != nil {
		return err
	}
	attempts := []int{<-handled, <-handled}
	cancel()
	step(fmt.Sprint(receipt.Outcome, " ", attempts, " ", hooks.UpdateEndpoint(ctx, "inbox", knocker.MaxAttempts(3))))
	return errors.Join(<-ended, hooks.Close())
}

func TestAFileThatIsPutRightWhileTheApplicationRunsIsWrittenTo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, who becomes nobody")
	}
	noLeaks(t)
	folder := must[string](t)(os.MkdirTemp("", "knocker-permissions-"))
	defer func() { _ = os.RemoveAll(folder) }()
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	library := must[string](t)(knocker.LoadablePath())
	for name, from := range map[string]string{"program": os.Args[0], filepath.Base(library): library} {
		if err := os.WriteFile(filepath.Join(folder, name), must[[]byte](t)(os.ReadFile(from)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "app.db")
	command := exec.Command(filepath.Join(folder, "program"))
	command.Dir = folder
	command.Env = append(os.Environ(), "KNOCKER_TEST_ROLE=nobody", "KNOCKER_TEST_FILE="+path, "KNOCKER_EXTENSION="+filepath.Join(folder, filepath.Base(library)))
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	command.Stderr = os.Stderr
	input := must[io.WriteCloser](t)(command.StdinPipe())
	output := bufio.NewReader(must[io.ReadCloser](t)(command.StdoutPipe()))
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	defer timer.Stop()
	said := func(expected string) {
		t.Helper()
		if line, err := output.ReadString('\n'); err != nil || strings.TrimSpace(line) != expected {
			t.Errorf("it said %q (%v), expected %q", line, err, expected)
		}
	}
	goOn := func(owner int) {
		if err := os.Chown(path, owner, owner); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(input, "\n")
	}
	said("stored")
	goOn(0)
	said("read_only true true")
	goOn(nobody)
	// The attempts of both events are their first: a file that cannot be written costs none.
	said("accepted [1 1] <nil>")
	goOn(nobody)
	_ = input.Close()
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}
