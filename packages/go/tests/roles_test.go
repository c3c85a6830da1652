package tests

// roles are what other processes of these tests do.
var roles = map[string]func() error{}
