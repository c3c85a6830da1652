//go:build !((linux || darwin || windows) && (amd64 || arm64))

package knocker

import (
	"embed"
	"runtime"
)

var libraries embed.FS

const (
	platform      = runtime.GOOS + "/" + runtime.GOARCH
	libraryFolder = "lib"
	libraryFile   = "libknocker.so"
)
