package rqlite

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Statement is SQL with the values of its marks, in their order: nil, integers, floats, texts and bytes.
type Statement struct {
	SQL    string
	Values []any
}

// likeBlob is a text that rqlite takes for a BLOB.
var likeBlob = regexp.MustCompile(`^\s*[xX]'([0-9a-fA-F]{2})*'\s*$`)

// LooksLikeBlob says whether rqlite would take the text for a BLOB.
func LooksLikeBlob(text string) bool { return likeBlob.MatchString(text) }

func asBlob(bytes []byte) string { return "x'" + hex.EncodeToString(bytes) + "'" }

// Call is a statement that calls an SQL function. A text that looks like a BLOB is sent as one, and made a text again over there.
func Call(function string, arguments ...any) Statement {
	marks, values := make([]string, len(arguments)), make([]any, len(arguments))
	for i, argument := range arguments {
		marks[i], values[i] = "?", argument
		if text, ok := argument.(string); ok && LooksLikeBlob(text) {
			marks[i], values[i] = "CAST(? AS TEXT)", []byte(text)
		}
	}
	return Statement{"SELECT " + function + "(" + strings.Join(marks, ", ") + ")", values}
}

// bodyOf is what rqlite takes: [["SQL", value, …], …].
func bodyOf(statements []Statement) ([]byte, error) {
	all := make([][]any, len(statements))
	for i, statement := range statements {
		one := []any{statement.SQL}
		for _, value := range statement.Values {
			if bytes, ok := value.([]byte); ok && bytes != nil {
				value = asBlob(bytes)
			} else if ok {
				value = nil
			}
			one = append(one, value)
		}
		all[i] = one
	}
	return json.Marshal(all)
}

// valueOf is a value of an answer: with blob_array a BLOB is a list of its bytes, and nothing else is a list.
func valueOf(raw any) (any, error) {
	switch raw := raw.(type) {
	case json.Number:
		if whole, err := raw.Int64(); err == nil {
			return whole, nil
		}
		return raw.Float64()
	case bool:
		if raw {
			return int64(1), nil
		}
		return int64(0), nil
	case []any:
		bytes := make([]byte, len(raw))
		for i, one := range raw {
			number, ok := one.(json.Number)
			if !ok {
				return nil, fmt.Errorf("a list holds %T", one)
			}
			value, err := number.Int64()
			if err != nil || value < 0 || value > 255 {
				return nil, fmt.Errorf("%s is no byte", number)
			}
			bytes[i] = byte(value)
		}
		return bytes, nil
	case nil, string:
		return raw, nil
	}
	return nil, fmt.Errorf("a value is %T", raw)
}
