// Command go-module makes the Go modules that users get: packages/go, what its package page shows, and the libraries that the source does not have; and in it
// the one of knockerotel, which alone depends on OpenTelemetry.
//
//	go run . -stage FOLDER linux_amd64=…/libknocker.so …   the module's files, to be committed to its repository and tagged
//	go run . -proxy FOLDER linux_amd64=…/libknocker.so …   the same as a folder that GOPROXY=file://… serves
//
// Every platform of release/platforms.json must be there, unless -partial says that this is no release. The same files give the same bytes.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const module = "github.com/knocker/knocker-go"

// source is the repository, seen from this folder.
const source = "../.."

type platform struct{ File, Go string }

func main() {
	stage := flag.String("stage", "", "the folder that gets the module's files; it must be empty")
	proxy := flag.String("proxy", "", "the folder that gets the module as a proxy serves it")
	version := flag.String("version", "", "the version, such as v1.2.3; by default the workspace's")
	partial := flag.Bool("partial", false, "some platforms may be missing")
	flag.Parse()
	if err := run(*stage, *proxy, *version, *partial, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "go-module:", err)
		os.Exit(1)
	}
}

func run(stage, proxy, version string, partial bool, given []string) error {
	if (stage == "") == (proxy == "") {
		return errors.New("give -stage FOLDER or -proxy FOLDER")
	}
	libraries, err := find(given, partial)
	if err != nil {
		return err
	}
	if version == "" {
		if version, err = workspaceVersion(); err != nil {
			return err
		}
	}
	if stage != "" {
		return fill(stage, version, libraries)
	}
	folder, err := os.MkdirTemp("", "knocker-go-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := fill(folder, version, libraries); err != nil {
		return err
	}
	// The packer leaves out of each what is another module.
	return errors.Join(serve(folder, proxy, module, version), serve(filepath.Join(folder, tracing), proxy, module+"/"+tracing, version))
}

// find gives the library of each platform. Whether it is one, release/package has checked.
func find(given []string, partial bool) (map[string]library, error) {
	text, err := os.ReadFile(filepath.Join(source, "release", "platforms.json"))
	if err != nil {
		return nil, err
	}
	var platforms []platform
	if err := json.Unmarshal(text, &platforms); err != nil {
		return nil, err
	}
	found := map[string]library{}
	for _, argument := range given {
		name, path, ok := strings.Cut(argument, "=")
		at := slices.IndexFunc(platforms, func(p platform) bool { return p.Go == name })
		if !ok || at < 0 {
			return nil, fmt.Errorf("%q is not PLATFORM=FILE with a platform of release/platforms.json", argument)
		}
		found[name] = library{path: path, file: platforms[at].File}
	}
	var missing []string
	for _, p := range platforms {
		if _, there := found[p.Go]; !there {
			missing = append(missing, p.Go)
		}
	}
	if len(missing) > 0 && !partial {
		return nil, fmt.Errorf("no library for %s", strings.Join(missing, ", "))
	}
	return found, nil
}

// workspaceVersion is the one version of everything.
func workspaceVersion() (string, error) {
	manifest, err := os.ReadFile(filepath.Join(source, "Cargo.toml"))
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^version = "([^"]+)"`).FindSubmatch(manifest)
	if found == nil {
		return "", errors.New("no version in Cargo.toml")
	}
	return "v" + string(found[1]), nil
}
