package knocker

import "embed"

//go:embed lib/darwin_arm64
var libraries embed.FS

const (
	platform      = "darwin/arm64"
	libraryFolder = "lib/darwin_arm64"
	libraryFile   = "libknocker.dylib"
)
