package knocker

import (
	"database/sql/driver"
	"encoding/hex"
	"regexp"
)

// lastBody is a body at the end of the columns of a query.
var lastBody = regexp.MustCompile(`\b((?:e\.)?body)(\s+FROM\s)`)

// bodyAsHex asks for a body as a text: rqlite makes one of a BLOB that stands in no column of a table, as in the views, and loses bytes of it.
func bodyAsHex(sql string) string {
	return lastBody.ReplaceAllString(sql, "iif($1 IS NULL, NULL, hex($1))$2")
}

// bodyOfHex puts the bytes in the place of that text.
func bodyOfHex(sql string, rows [][]driver.Value) error {
	if !lastBody.MatchString(sql) {
		return nil
	}
	for _, row := range rows {
		last := len(row) - 1
		if row[last] == nil {
			continue
		}
		bytes, err := hex.DecodeString(text(row[last]))
		if err != nil {
			return newError("cluster_unavailable", "a body came back as what is none", err)
		}
		row[last] = bytes
	}
	return nil
}
