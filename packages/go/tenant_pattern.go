package knocker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tenantPattern is where the files of tenants are: an absolute path with one * in its last part or the one before, which stands for the tenant's name.
type tenantPattern struct {
	text string
	// folder is what the part with the * stands in; prefix and suffix are what stands around the * in that part.
	folder, prefix, suffix string
	// file is the last part where the * is in the one before.
	file string
}

func parsePattern(pattern string) (tenantPattern, error) {
	refused := func(why string) (tenantPattern, error) {
		return tenantPattern{}, usage("OpenMany: the pattern %q %s: it is a path with one * in its last part or the one before, such as tenants/*.db or tenants/*/app.db", pattern, why)
	}
	switch strings.Count(pattern, "*") {
	case 0:
		return refused("has no *")
	case 1:
	default:
		return refused("has more than one *")
	}
	if ending := pattern[strings.IndexByte(pattern, '*')+1:]; os.IsPathSeparator(pattern[len(pattern)-1]) || slices.Contains([]string{".", ".."}, strings.TrimLeft(ending, `/\`)) {
		return refused("names no file")
	}
	absolute, err := filepath.Abs(pattern)
	if err != nil {
		return tenantPattern{}, usage("OpenMany: %v", err)
	}
	p := tenantPattern{text: absolute, folder: filepath.Dir(absolute)}
	part := filepath.Base(absolute)
	if !strings.Contains(part, "*") {
		p.file, part, p.folder = part, filepath.Base(p.folder), filepath.Dir(p.folder)
	}
	before, after, ok := strings.Cut(part, "*")
	if !ok {
		return refused("has its * too far up")
	}
	p.prefix, p.suffix = before, after
	if isBesideAFile(p.path("tenant")) {
		return refused("is of files that SQLite keeps beside a database")
	}
	return p, nil
}

// isBesideAFile says whether SQLite keeps such a file beside a database.
func isBesideAFile(path string) bool {
	return slices.ContainsFunc([]string{"-wal", "-shm", "-journal"}, func(ending string) bool { return strings.HasSuffix(path, ending) })
}

func (p tenantPattern) path(tenant string) string {
	return filepath.Join(p.folder, p.prefix+tenant+p.suffix, p.file)
}

// whyNoName says why no tenant can have that name, whatever files there are; nothing where one can. It is what knocker_changed_files takes for a name.
func (p tenantPattern) whyNoName(tenant string) string {
	switch {
	case tenant == "":
		return "it is empty"
	case !utf8.ValidString(tenant):
		return "it is not UTF-8"
	case strings.HasPrefix(tenant, "."):
		return "it begins with a dot"
	case strings.ContainsAny(tenant, `/\:`) || strings.ContainsFunc(tenant, unicode.IsControl):
		return "it has a character that no name has"
	case isBesideAFile(p.path(tenant)):
		return "SQLite keeps such a file beside a database"
	}
	return ""
}

// tenantOf is the name of the tenant whose file that is; false where it is none's.
func (p tenantPattern) tenantOf(path string) (string, bool) {
	part := path
	if p.file != "" {
		if filepath.Base(path) != p.file {
			return "", false
		}
		part = filepath.Dir(path)
	}
	name, isPrefixed := strings.CutPrefix(filepath.Base(part), p.prefix)
	name, isSuffixed := strings.CutSuffix(name, p.suffix)
	if !isPrefixed || !isSuffixed || filepath.Dir(part) != p.folder || p.whyNoName(name) != "" {
		return "", false
	}
	return name, true
}

// names are those of the tenants that have a file, in order.
func (p tenantPattern) names() ([]string, error) {
	entries, err := os.ReadDir(p.folder)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, newError("io_error", "the folder of the tenants cannot be read: "+err.Error(), err)
	}
	var names []string
	for _, entry := range entries {
		path := filepath.Join(p.folder, entry.Name(), p.file)
		if name, ok := p.tenantOf(path); ok && isFile(path) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// isFile says whether there is a file, and no link to one: SQLite keeps the log beside what a link leads to.
func isFile(path string) bool {
	found, err := os.Lstat(path)
	return err == nil && found.Mode().IsRegular()
}
