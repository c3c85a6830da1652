package rqlite

import (
	"regexp"
	"slices"
	"strings"
)

// token is what a statement is made of, as far as it matters where it ends: comments, texts and names in quotes, a semicolon, blanks, a word, anything else.
var token = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?(?:\*/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|` + "`(?:[^`]|``)*`" + `|\[[^\]]*\]|;|\s+|\w+|.`)

var (
	writing = []string{"INSERT", "REPLACE", "UPDATE", "DELETE"}
	// differs are those of which each node would take a value of its own.
	differs = regexp.MustCompile(`^(?:random\(|randomblob\(|current_(?:timestamp|time|date))`)
	// times are those of which it would where they are asked for the time of day.
	times = regexp.MustCompile(`^(?:date|time|datetime|julianday|unixepoch|strftime|timediff)\($`)
)

// WhyNotWritten says why a handler cannot write this on a cluster, and nothing where it can: one statement that writes, and the same on each node.
func WhyNotWritten(sql string, values []any) string {
	tokens := slices.DeleteFunc(token.FindAllString(sql, -1), func(found string) bool {
		return strings.TrimSpace(found) == "" || strings.HasPrefix(found, "--") || strings.HasPrefix(found, "/*")
	})
	if end := slices.Index(tokens, ";"); end >= 0 && slices.ContainsFunc(tokens[end:], func(found string) bool { return found != ";" }) {
		return "it takes one statement at a time"
	}
	considered := tokens
	if len(tokens) > 0 && !strings.EqualFold(tokens[0], "WITH") {
		considered = tokens[:1]
	}
	if !slices.ContainsFunc(considered, func(found string) bool { return slices.Contains(writing, strings.ToUpper(found)) }) {
		return "it takes INSERT, REPLACE, UPDATE and DELETE alone; make tables beforehand, with /db/execute of a node"
	}
	isNow := slices.ContainsFunc(tokens, func(found string) bool { return saysNow(strings.Trim(found, "'")) }) ||
		slices.ContainsFunc(values, func(value any) bool { text, isText := value.(string); return isText && saysNow(text) })
	for i, found := range tokens {
		call := strings.ToLower(found)
		isCall := i+1 < len(tokens) && tokens[i+1] == "("
		if isCall {
			call += "("
		}
		isEmpty := i+2 < len(tokens) && tokens[i+2] == ")"
		if differs.MatchString(call) || (times.MatchString(call) && (isNow || isEmpty)) {
			return "each node would take a random number or a time of its own: bind the value in the place of it"
		}
	}
	return ""
}

func saysNow(text string) bool { return strings.EqualFold(strings.TrimSpace(text), "now") }
