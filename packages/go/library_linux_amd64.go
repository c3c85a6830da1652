//go:build !musl

package knocker

import "embed"

//go:embed lib/linux_amd64
var libraries embed.FS

const (
	platform      = "linux/amd64"
	libraryFolder = "lib/linux_amd64"
	libraryFile   = "libknocker.so"
)
