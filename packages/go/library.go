package knocker

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// LoadablePath is the absolute path of the loadable library: KNOCKER_EXTENSION where it is set, else the one that this module carries for the
// platform, which is written to the user's cache once and checked each time.
func LoadablePath() (string, error) { return loadablePath("") }

func loadablePath(explicit string) (string, error) {
	for _, place := range []struct{ path, origin string }{{explicit, "the option Extension"}, {os.Getenv("KNOCKER_EXTENSION"), "KNOCKER_EXTENSION"}} {
		if place.path == "" {
			continue
		}
		absolute, err := filepath.Abs(place.path)
		if err != nil {
			return "", newError("library_not_found", err.Error(), err)
		}
		if found, err := os.Stat(absolute); err != nil || found.IsDir() {
			return "", newError("library_not_found", "there is no file "+absolute+" ("+place.origin+")", err)
		}
		return absolute, nil
	}
	carried, err := carriedLibrary(libraries, libraryFolder, libraryFile)
	if err != nil {
		return "", err
	}
	return cached(carried)
}

func carriedLibrary(files embed.FS, folder, name string) ([]byte, error) {
	carried, err := files.ReadFile(folder + "/" + name)
	if err != nil {
		return nil, newError("library_not_found", "this build of the module carries no "+name+" for "+platform, err)
	}
	return carried, nil
}

// cached writes the library to the user's cache where it is not there yet: to a temporary file that is then renamed, so that nobody loads half of it.
func cached(library []byte) (string, error) {
	digest := sha256.Sum256(library)
	folder, err := os.UserCacheDir()
	if err != nil {
		folder = os.TempDir()
	}
	folder = filepath.Join(folder, "knocker", hex.EncodeToString(digest[:]))
	path := filepath.Join(folder, libraryFile)
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, library) {
		return path, nil
	}
	if err := writeLibrary(folder, path, library); err != nil {
		return "", newError("library_not_found", "the library could not be written to the cache: "+err.Error(), err)
	}
	return path, nil
}

func writeLibrary(folder, path string, library []byte) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(folder, libraryFile)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	if _, err := temporary.Write(library); err != nil {
		_ = temporary.Close()
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := os.Chmod(temporary.Name(), 0o500); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// older compares versions of the form 1.2.3; what follows a hyphen does not count.
func older(version, than string) bool {
	return slices.Compare(numbers(version), numbers(than)) < 0
}

func numbers(version string) (parts []int) {
	release, _, _ := strings.Cut(version, "-")
	for _, part := range strings.Split(release, ".") {
		number, _ := strconv.Atoi(part)
		parts = append(parts, number)
	}
	return parts
}
