package knocker_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/knocker/knocker-go"
)

// tenantName is a name of the data: a text, or one that is repeated.
type tenantName string

func (n *tenantName) UnmarshalJSON(text []byte) error {
	var long struct {
		Repeated string
		Times    int
	}
	if json.Unmarshal(text, &long) == nil {
		*n = tenantName(strings.Repeat(long.Repeated, long.Times))
		return nil
	}
	return json.Unmarshal(text, (*string)(n))
}

func tenantsData(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "extension", "conformance", "tenants", name))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// openTenants gives tenants with an inbox each.
func openTenants(t *testing.T, pattern string, options ...knocker.Option) *knocker.Tenants {
	t.Helper()
	tenants, err := knocker.OpenMany(pattern, func(hooks *knocker.Hooks, _ string) error {
		_, err := hooks.Endpoint("inbox")
		return err
	}, append([]knocker.Option{silent}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenants.Close() })
	return tenants
}

// emptyFiles makes files that are to be databases; one that this system cannot have is left out.
func emptyFiles(t *testing.T, folder string, paths []string) {
	t.Helper()
	for _, path := range paths {
		path = filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil && runtime.GOOS != "windows" {
			t.Fatal(err)
		}
	}
}

// allBelow are the paths of all that is in a folder, but for what SQLite keeps beside its files.
func allBelow(t *testing.T, folder string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if !strings.HasSuffix(path, "-wal") && !strings.HasSuffix(path, "-shm") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestConformanceOfTheNamesOfTenants(t *testing.T) {
	var data struct {
		Pattern string
		Files   []string
		Folders []string
		Links   map[string]string
		Cases   []struct {
			Name  tenantName
			Known bool
			NotOn []string `json:"not_on"`
		}
	}
	tenantsData(t, "names.json", &data)
	folder := t.TempDir()
	emptyFiles(t, folder, data.Files)
	for _, path := range data.Folders {
		if err := os.MkdirAll(filepath.Join(folder, path), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for path, to := range data.Links {
		if err := os.Symlink(to, filepath.Join(folder, path)); err != nil && runtime.GOOS != "windows" {
			t.Fatal(err)
		}
	}
	tenants := openTenants(t, filepath.Join(folder, data.Pattern))
	before := allBelow(t, folder)
	for _, one := range data.Cases {
		if slices.Contains(one.NotOn, runtime.GOOS) {
			continue
		}
		name := string(one.Name)
		_, done, err := tenants.Hooks(context.Background(), name)
		if err == nil {
			done()
		}
		if one.Known && err != nil || !one.Known && !errors.Is(err, knocker.ErrUnknownTenant) {
			t.Errorf("%.40q: %v", name, err)
		}
		answer := httptest.NewRecorder()
		tenants.Handler(func(*http.Request) string { return name }).ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/webhooks/inbox", strings.NewReader("{}")))
		if isFound := answer.Code != http.StatusNotFound; isFound != one.Known {
			t.Errorf("%.40q: answered %d", name, answer.Code)
		}
		if after := allBelow(t, folder); !slices.Equal(before, after) {
			t.Fatalf("%.40q: there is %q, and there was %q", name, after, before)
		}
	}
	if len(data.Cases) < 20 {
		t.Errorf("%d cases", len(data.Cases))
	}
}

func TestConformanceOfThePatternsOfTenants(t *testing.T) {
	var data struct {
		Cases []struct {
			Pattern string
			Files   []string
			Names   map[string]string
			NotOn   map[string][]string `json:"not_on"`
		}
		Wrong []string
	}
	tenantsData(t, "patterns.json", &data)
	for _, one := range data.Cases {
		folder := t.TempDir()
		emptyFiles(t, folder, one.Files)
		expected := slices.DeleteFunc(slices.Sorted(maps.Keys(one.Names)), func(name string) bool { return slices.Contains(one.NotOn[runtime.GOOS], name) })
		if names, err := openTenants(t, filepath.Join(folder, one.Pattern)).Names(); err != nil || !slices.Equal(names, expected) {
			t.Errorf("%s: %q %v, expected %q", one.Pattern, names, err, expected)
		}
	}
	for _, wrong := range data.Wrong {
		if wrong != "" {
			wrong = t.TempDir() + "/" + wrong
		}
		_, err := knocker.OpenMany(wrong, func(*knocker.Hooks, string) error { return nil })
		if !errors.Is(err, knocker.ErrUsage) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if len(data.Cases) < 5 || len(data.Wrong) < 5 {
		t.Error("too few cases")
	}
}
