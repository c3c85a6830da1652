package knocker

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// settingsOfFile are the settings of an endpoint that the file has, as its columns are named.
var settingsOfFile = append([]string{"enabled"}, declaredSettings...)

// storedSettings are nil where the file has no such endpoint.
func storedSettings(rows func(sql string, arguments ...driver.Value) ([][]driver.Value, error), name string) ([]driver.Value, error) {
	found, err := rows("SELECT "+strings.Join(settingsOfFile, ", ")+" FROM knocker_endpoints WHERE name = ?", name)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// tellOfChanges logs what a declaration has changed of settings that were stored: of two processes with other settings for one endpoint, the last one to
// start has its way.
func tellOfChanges(log *slog.Logger, endpoint string, before, after []driver.Value) {
	if before == nil || after == nil {
		return
	}
	var changed, shown []string
	for i, name := range settingsOfFile {
		was, is := plainText(before[i]), plainText(after[i])
		if was == is {
			continue
		}
		changed = append(changed, name)
		if name == "options" {
			// They may hold a token.
			shown = append(shown, name)
		} else {
			shown = append(shown, fmt.Sprintf("%s was %s and is %s", name, was, is))
		}
	}
	if len(changed) > 0 {
		log.Warn("endpoint "+endpoint+" is declared with other settings than those stored, perhaps by a process of another version: "+
			strings.Join(shown, ", "), "record", "endpoint_changed", "endpoint", endpoint, "settings", changed)
	}
}

func plainText(value driver.Value) string {
	if bytes, ok := value.([]byte); ok {
		return string(bytes)
	}
	return fmt.Sprint(value)
}

// sendable is what the provider of one endpoint can send, where every type is known.
type sendable struct {
	title string
	types []string
}

// readSendable gives nil where not every type is known, or no provider verifies.
func readSendable(d *database, endpoint string) (*sendable, error) {
	found, err := d.rows(context.Background(), `SELECT provider.title, provider.types
		FROM knocker_endpoints endpoint JOIN knocker_providers provider ON provider.name = endpoint.provider
		WHERE endpoint.name = ? AND provider.types_closed`, endpoint)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	s := &sendable{title: text(found[0][0])}
	return s, json.Unmarshal(blob(found[0][1]), &s.types)
}

// check logs that nothing of this pattern arrives, with the nearest type.
func (s *sendable) check(log *slog.Logger, endpoint, pattern string) {
	if s == nil || pattern == "*" || slices.ContainsFunc(s.types, func(known string) bool { return matches(pattern, known) }) {
		return
	}
	hint := "`knocker providers` has the types"
	if len(s.types) == 0 {
		hint = `its events have no type: On("*", …)`
	} else if near := s.nearest(strings.TrimSuffix(pattern, ".*")); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	log.Warn(fmt.Sprintf("endpoint %s: %s sends nothing of the type %q that is known here, so this handler may never run; %s", endpoint, s.title, pattern, hint),
		"record", "type_unknown", "endpoint", endpoint, "type", pattern)
}

// nearest is the type that was meant, or nothing.
func (s *sendable) nearest(given string) (found string) {
	// "pull_request.opened" where the type is "pull_request".
	for _, known := range s.types {
		if strings.HasPrefix(given, known+".") && len(known) > len(found) {
			found = known
		}
	}
	if found != "" {
		return found
	}
	least := len(given)/3 + 1
	for _, known := range s.types {
		if far := distance(strings.ToLower(given), strings.ToLower(known)); far < least {
			found, least = known, far
		}
	}
	return found
}

// distance is how many letters are to be put in, left out or changed to make one of the other.
func distance(from, to string) int {
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(from) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(to) {
			change := diagonal
			if from[i] != to[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(to)]
}
