package knocker

import (
	"encoding/json"
)

// changedFiles asks the library which files of tenants were written, or have appeared, since it was last asked.
type changedFiles struct {
	connection *conn
	pattern    string
}

func newChangedFiles(p tenantPattern, o *openOptions) (*changedFiles, error) {
	c, err := openInMemory(o)
	if err != nil {
		return nil, err
	}
	return &changedFiles{c, p.text}, nil
}

// next gives all of them at first.
func (f *changedFiles) next() (paths []string, err error) {
	found, err := f.connection.call("knocker_changed_files", f.pattern)
	if err != nil {
		return nil, err
	}
	return paths, json.Unmarshal([]byte(text(found)), &paths)
}

func (f *changedFiles) close() { f.connection.close() }
