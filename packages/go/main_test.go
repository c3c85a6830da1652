package knocker_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/knocker/knocker-go/internal/conformance"
)

// TestMain runs the tests, and fails where a goroutine of the package is left when all hooks are closed. In the module tests/ goleak looks after each
// test; here, where the module is to require nothing for its tests, this is enough.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := goroutinesLeft(); code == 0 && left != "" {
		fmt.Println("goroutines are left:\n" + left)
		code = 1
	}
	os.Exit(code)
}

func goroutinesLeft() (left string) {
	for deadline := time.Now().Add(conformance.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		left = ""
		// The first one is this goroutine itself.
		for _, stack := range strings.Split(string(stacks), "\n\n")[1:] {
			if strings.Contains(stack, "github.com/knocker/knocker-go") {
				left += stack + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
	}
	return left
}
