package rqlite

import (
	"regexp"
	"strings"
)

// token is what a statement is made of, as far as it matters where it ends: comments, texts and names in quotes, a semicolon, a word, anything else.
var token = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?(?:\*/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|` + "`(?:[^`]|``)*`" + `|\[[^\]]*\]|;|\s+|\w+|.`)

// IsWrite says whether this is one statement, and begins as one that writes rows.
func IsWrite(sql string) bool {
	first, over := "", false
	for _, found := range token.FindAllString(sql, -1) {
		switch {
		case strings.TrimSpace(found) == "", strings.HasPrefix(found, "--"), strings.HasPrefix(found, "/*"):
		case found == ";":
			over = true
		case over:
			return false
		case first == "":
			first = strings.ToUpper(found)
		}
	}
	switch first {
	case "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH":
		return true
	}
	return false
}
