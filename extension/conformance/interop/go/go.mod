module example.com/interop

go 1.23.0

require github.com/knocker/knocker-go v0.1.0

require github.com/mattn/go-sqlite3 v1.14.53 // indirect

replace github.com/knocker/knocker-go => ../../../../packages/go
