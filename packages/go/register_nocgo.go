//go:build !cgo

package knocker

// Register needs cgo, as every native extension does.
func Register(string) error { return errNoCgo }
