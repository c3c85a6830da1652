package rqlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Meaning is what an answer says of the statements that were sent.
type Meaning int

const (
	// Done: all of it is committed.
	Done Meaning = iota
	// Refused: a statement failed, and the transaction was rolled back.
	Refused
	// Torn: a statement was not understood, and the others are committed.
	Torn
	// Elsewhere: nothing was done; another node may do it.
	Elsewhere
	// Unknown: nobody knows whether it was done.
	Unknown
	// Forbidden: the request itself is wrong, or its credentials; no node will take it.
	Forbidden
)

// Answer is one answer of a node.
type Answer struct {
	Meaning Meaning
	// Rows are those of each statement, where the meaning is Done.
	Rows [][][]any
	// Why is the error of the statement that failed, or what else was wrong.
	Why string
}

type answered struct {
	Error   *string  `json:"error"`
	Results []*entry `json:"results"`
}

type entry struct {
	Values [][]any `json:"values"`
	Error  string  `json:"error"`
}

// Read says what a node has answered to so many statements.
func Read(status int, body []byte, statements int) Answer {
	switch status {
	case http.StatusOK:
	case http.StatusServiceUnavailable:
		return Answer{Meaning: Elsewhere, Why: shortly(status, body)}
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return Answer{Meaning: Forbidden, Why: shortly(status, body)}
	default:
		return Answer{Meaning: Unknown, Why: shortly(status, body)}
	}
	var read answered
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&read); err != nil {
		return Answer{Meaning: Unknown, Why: "the answer is no JSON, or not all of it"}
	}
	if read.Error != nil && *read.Error != "" {
		return Answer{Meaning: Unknown, Why: *read.Error}
	}
	if read.Results == nil {
		return Answer{Meaning: Unknown, Why: "the answer has no results"}
	}
	if slices.Contains(read.Results, nil) {
		return Answer{Meaning: Unknown, Why: "a result is none"}
	}
	// Where a transaction was rolled back, the entries before the one with the error still look as if they were done, and none comes behind it.
	for i, one := range read.Results {
		if one.Error != "" && i < len(read.Results)-1 {
			return Answer{Meaning: Torn, Why: one.Error}
		} else if one.Error != "" {
			return Answer{Meaning: Refused, Why: one.Error}
		}
	}
	if len(read.Results) != statements {
		return Answer{Meaning: Unknown, Why: fmt.Sprintf("%d statements were sent and %d results came", statements, len(read.Results))}
	}
	all := make([][][]any, statements)
	for i, one := range read.Results {
		for _, row := range one.Values {
			for j, raw := range row {
				value, err := valueOf(raw)
				if err != nil {
					return Answer{Meaning: Unknown, Why: "the answer cannot be read: " + err.Error()}
				}
				row[j] = value
			}
			all[i] = append(all[i], row)
		}
	}
	return Answer{Meaning: Done, Rows: all}
}

// longestWhy is how much of an answer's text is repeated.
const longestWhy = 200

func shortly(status int, body []byte) string {
	text := strings.ToValidUTF8(strings.TrimSpace(string(body[:min(len(body), longestWhy)])), "")
	return strings.TrimSuffix(fmt.Sprintf("status %d: %s", status, text), ": ")
}
