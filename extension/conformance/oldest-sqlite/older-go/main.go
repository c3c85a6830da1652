// Program older-go shows what the Go package says where SQLite is too old for Knocker, whether or not it loads extensions: unsupported_sqlite, before
// anything is written.
package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	knocker "github.com/knocker/knocker-go"
	"github.com/mattn/go-sqlite3"
)

func main() {
	path, version := os.Args[1], os.Args[2]
	if found, _, _ := sqlite3.Version(); found != version {
		log.Fatalf("wanted SQLite %s, found %s", version, found)
	}
	before := contents(path)
	_, err := knocker.Open(path)
	refused(err, version)
	if err := knocker.Register("knocker"); err != nil {
		log.Fatal(err)
	}
	for _, driver := range []string{"knocker", "sqlite3"} {
		db, err := sql.Open(driver, path)
		if err != nil {
			log.Fatal(err)
		}
		_, err = knocker.FromDB(db)
		refused(err, version)
		if err := db.Close(); err != nil {
			log.Fatal(err)
		}
	}
	if !bytes.Equal(before, contents(path)) {
		log.Fatal("the file has changed")
	}
}

func refused(err error, version string) {
	var known *knocker.Error
	if !errors.As(err, &known) || known.Code != "unsupported_sqlite" || !strings.Contains(err.Error(), version) {
		log.Fatalf("an older SQLite is to be refused: %v", err)
	}
	fmt.Println(err)
}

func contents(path string) []byte {
	read, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	return read
}
