//go:build linux && amd64 && musl

package knocker

import "embed"

//go:embed lib/linux_amd64_musl
var libraries embed.FS

const (
	platform      = "linux/amd64 with musl"
	libraryFolder = "lib/linux_amd64_musl"
	libraryFile   = "libknocker.so"
)
