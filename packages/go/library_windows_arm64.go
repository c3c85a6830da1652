package knocker

import "embed"

//go:embed lib/windows_arm64
var libraries embed.FS

const (
	platform      = "windows/arm64"
	libraryFolder = "lib/windows_arm64"
	libraryFile   = "knocker.dll"
)
