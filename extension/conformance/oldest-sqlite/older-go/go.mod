module github.com/knocker/knocker-go/older

go 1.23.0

require (
	github.com/knocker/knocker-go v0.0.0
	github.com/mattn/go-sqlite3 v1.14.53
)

replace github.com/knocker/knocker-go => ../../../../packages/go
