//go:build linux && arm64 && musl

package knocker

import "embed"

//go:embed lib/linux_arm64_musl
var libraries embed.FS

const (
	platform      = "linux/arm64 with musl"
	libraryFolder = "lib/linux_arm64_musl"
	libraryFile   = "libknocker.so"
)
