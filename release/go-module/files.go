package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

type library struct{ path, file string }

// fill puts the module into an empty folder: what git knows of it, the licences, and the libraries.
func fill(folder string, libraries map[string]library) error {
	if there, err := os.ReadDir(folder); err == nil && len(there) > 0 {
		return fmt.Errorf("%s is not empty", folder)
	}
	list, err := exec.Command("git", "-C", filepath.Join(source, "packages", "go"), "ls-files").Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	files := strings.Fields(string(list))
	nested := modulesOf(files)
	for _, file := range files {
		if !isPublished(file, nested) {
			continue
		}
		if err := copyFile(filepath.Join(source, "packages", "go", file), filepath.Join(folder, file)); err != nil {
			return err
		}
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
		if err := copyFile(filepath.Join(source, licence), filepath.Join(folder, licence)); err != nil {
			return err
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

// modulesOf gives the folders that are modules of their own.
func modulesOf(files []string) (nested []string) {
	for _, file := range files {
		if folder, name := filepath.Split(file); name == "go.mod" && folder != "" {
			nested = append(nested, folder)
		}
	}
	return nested
}

// isPublished: tests need the repository's conformance data, and only those that are examples are shown on the package page.
func isPublished(file string, nested []string) bool {
	for _, folder := range append(nested, "bench/", "internal/") {
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
	return strings.HasSuffix(name, ".go") || file == "go.mod" || file == "go.sum" || file == "README.md"
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
