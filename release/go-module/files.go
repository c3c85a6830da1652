package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

type library struct{ path, file string }

// tracing is the folder of the module that depends on OpenTelemetry, in the repository of the other one.
const tracing = "knockerotel"

// fill puts the modules into an empty folder: what git knows of them, the licences, and the libraries.
func fill(folder, version string, libraries map[string]library) error {
	if there, err := os.ReadDir(folder); err == nil && len(there) > 0 {
		return fmt.Errorf("%s is not empty", folder)
	}
	list, err := exec.Command("git", "-C", filepath.Join(source, "packages", "go"), "ls-files").Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for _, file := range strings.Fields(string(list)) {
		if !isPublished(file) {
			continue
		}
		if err := copyFile(filepath.Join(source, "packages", "go", file), filepath.Join(folder, file)); err != nil {
			return err
		}
	}
	if err := requireVersion(filepath.Join(folder, tracing, "go.mod"), version); err != nil {
		return err
	}
	// The package page shows it, where a link into this repository leads nowhere.
	readme, err := exec.Command(filepath.Join(source, "release", "readme"), filepath.Join(source, "packages", "go", "README.md")).Output()
	if err != nil {
		return fmt.Errorf("release/readme: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "README.md"), readme, 0o644); err != nil {
		return err
	}
	for _, licence := range []string{"LICENSE-MIT", "LICENSE-APACHE"} {
		for _, of := range []string{"", tracing} {
			if err := copyFile(filepath.Join(source, licence), filepath.Join(folder, of, licence)); err != nil {
				return err
			}
		}
	}
	for platform, found := range libraries {
		if err := copyFile(found.path, filepath.Join(folder, "lib", platform, found.file)); err != nil {
			return err
		}
		// It stands for the library where there is none.
		if err := os.Remove(filepath.Join(folder, "lib", platform, "README")); err != nil {
			return err
		}
	}
	return nil
}

// requireVersion takes the checkout out of a go.mod: users get the other module from where all modules come from.
func requireVersion(path, version string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := modfile.Parse(path, content, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(file.DropReplace(module, ""), file.AddRequire(module, version)); err != nil {
		return err
	}
	file.Cleanup()
	if content, err = file.Format(); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// isPublished: tests need the repository's conformance data, and only those that are examples are shown on the package page. Other folders with a go.mod are
// tools of the checkout.
func isPublished(file string) bool {
	for _, folder := range []string{"bench/", "internal/conformance/", "tests/", "tools/"} {
		if strings.HasPrefix(file, folder) {
			return false
		}
	}
	name := filepath.Base(file)
	switch {
	case strings.HasSuffix(name, "_test.go"):
		return strings.HasPrefix(name, "example_")
	case strings.HasPrefix(file, "lib/"):
		return true
	}
	return strings.HasSuffix(name, ".go") || name == "go.mod" || name == "go.sum" || file == "README.md"
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
