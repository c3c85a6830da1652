module knocker.invalid/standby

go 1.23.0

require (
	github.com/knocker/knocker-go v0.1.0
	github.com/mattn/go-sqlite3 v1.14.53
)

replace github.com/knocker/knocker-go => ../../../packages/go
