module github.com/knocker/knocker-go/tests

go 1.25.0

require (
	github.com/knocker/knocker-go v0.0.0
	github.com/mattn/go-sqlite3 v1.14.53
	go.uber.org/goleak v1.3.0
)

require github.com/stretchr/testify v1.11.1 // indirect

replace github.com/knocker/knocker-go => ../
