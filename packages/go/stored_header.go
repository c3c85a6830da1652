package knocker

import (
	"encoding/json"
	"net/http"
	"strings"
)

// headerOf reads stored headers: a text each, or several.
func headerOf(stored string) (http.Header, error) {
	header := http.Header{}
	p := &plainJSON{stored}
	isPlain := p.pairs(func(name string) bool {
		var texts []string
		ok := p.texts(&texts)
		header[http.CanonicalHeaderKey(name)] = texts
		return ok
	})
	if isPlain && p.isOver() {
		return header, nil
	}
	return headerFrom(stored)
}

// texts reads a list of texts, or one that stands alone.
func (p *plainJSON) texts(into *[]string) bool {
	one := func() bool {
		var text string
		ok := readText(p, &text)
		*into = append(*into, text)
		return ok
	}
	if strings.HasPrefix(p.rest, "[") {
		return p.list("[", "]", one)
	}
	return one()
}

// headerFrom reads whatever JSON they may be.
func headerFrom(stored string) (http.Header, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(stored), &values); err != nil {
		return nil, err
	}
	header := make(http.Header, len(values))
	for name, raw := range values {
		var several []string
		var one string
		if json.Unmarshal(raw, &several) != nil {
			if err := json.Unmarshal(raw, &one); err != nil {
				return nil, err
			}
			several = []string{one}
		}
		header[http.CanonicalHeaderKey(name)] = several
	}
	return header, nil
}
