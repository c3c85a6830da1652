package knocker

import "strings"

// plainJSON is read from its beginning. It is JSON as the core writes it, without spaces and of texts without escapes: what every receipt and every job
// brings, for which encoding/json takes ten times as long. Where there is anything else the reading fails, and the text is encoding/json's.
type plainJSON struct{ rest string }

// skip reads what is to stand there.
func (p *plainJSON) skip(what string) (ok bool) {
	p.rest, ok = strings.CutPrefix(p.rest, what)
	return ok
}

// readText reads a text, which is a part of what it is read from, or null as an empty one.
func readText[Text ~string](p *plainJSON, into *Text) bool {
	if p.skip("null") {
		return true
	}
	if !p.skip(`"`) {
		return false
	}
	for i := 0; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			*into = Text(p.rest[:i])
			p.rest = p.rest[i+1:]
			return true
		case c == '\\' || c < ' ':
			return false
		}
	}
	return false
}

// number reads a whole number that is not negative, or null as 0.
func (p *plainJSON) number(into *int64) bool {
	if p.skip("null") {
		return true
	}
	digits := 0
	for digits < min(len(p.rest), longestNumber) && '0' <= p.rest[digits] && p.rest[digits] <= '9' {
		*into = *into*10 + int64(p.rest[digits]-'0')
		digits++
	}
	p.rest = p.rest[digits:]
	return digits > 0
}

// truth reads true or false.
func (p *plainJSON) truth(into *bool) bool {
	*into = p.skip("true")
	return *into || p.skip("false")
}

// longestNumber is how many digits an int64 has room for, whatever they are. After them nothing is expected that begins with one.
const longestNumber = 18

// list reads what stands between brackets, one after the other.
func (p *plainJSON) list(opening, closing string, one func() bool) bool {
	if !p.skip(opening) {
		return false
	}
	for isFirst := true; !p.skip(closing); isFirst = false {
		if (!isFirst && !p.skip(",")) || !one() {
			return false
		}
	}
	return true
}

// pairs reads an object.
func (p *plainJSON) pairs(one func(name string) bool) bool {
	return p.list("{", "}", func() bool {
		var name string
		return readText(p, &name) && p.skip(":") && one(name)
	})
}

// isOver says whether all has been read.
func (p *plainJSON) isOver() bool { return p.rest == "" }
