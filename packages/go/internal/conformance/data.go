// Package conformance runs the data of extension/conformance for the tests of this repository.
package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// object is JSON as the data has it.
type object = map[string]any

// folder is where the data is, seen from this file.
func folder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../../../extension/conformance")
}

// Files reads every file of a kind of conformance data.
func Files(t testing.TB, kind string) map[string]json.RawMessage {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder(), kind, "*.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no data of the kind %s: %v", kind, err)
	}
	files := map[string]json.RawMessage{}
	for _, path := range found {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = content
	}
	return files
}

// Strictly decodes JSON and refuses keys that it does not know: a typing error in the data must not look like success.
func Strictly(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// WriteCount tells release/conformance-table how many cases of a kind ran.
func WriteCount(t testing.TB, kind string, ran int) {
	t.Helper()
	target := os.Getenv("CARGO_TARGET_DIR")
	if target == "" {
		target = filepath.Join(folder(), "../../target")
	}
	counts := filepath.Join(target, "conformance")
	if err := os.MkdirAll(counts, 0o755); err != nil {
		t.Fatal(err)
	}
	count := object{"package": "go", "kind": kind, "ran": ran, "on": runtime.Version()}
	encoded, err := json.Marshal(count)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(counts, "go."+kind+".json"), append(encoded, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d conformance cases of %s", ran, kind)
}

// Patience is how long a test waits for what must come.
const Patience = 20 * time.Second
