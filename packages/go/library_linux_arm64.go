//go:build !musl

package knocker

import "embed"

//go:embed lib/linux_arm64
var libraries embed.FS

const (
	platform      = "linux/arm64"
	libraryFolder = "lib/linux_arm64"
	libraryFile   = "libknocker.so"
)
