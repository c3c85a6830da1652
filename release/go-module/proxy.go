package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	modversion "golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// serve writes the files of a module proxy: https://go.dev/ref/mod#goproxy-protocol.
func serve(folder, proxy, module, version string) error {
	at := filepath.Join(proxy, module, "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	packed, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		return err
	}
	defer func() { _ = packed.Close() }()
	// It refuses what no proxy would take: names, sizes, symbolic links.
	if err := zip.CreateFromDir(packed, modversion.Version{Path: module, Version: version}, folder); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(folder, "go.mod"), filepath.Join(at, version+".mod")); err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{version, time.Unix(0, 0).UTC()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(at, version+".info"), info, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(at, "list"), []byte(version+"\n"), 0o644); err != nil {
		return err
	}
	size, err := packed.Seek(0, 1)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s: %d bytes\n", module, version, size)
	return packed.Close()
}
