package knocker

import "embed"

//go:embed lib/darwin_amd64
var libraries embed.FS

const (
	platform      = "darwin/amd64"
	libraryFolder = "lib/darwin_amd64"
	libraryFile   = "libknocker.dylib"
)
