package knocker

import "embed"

//go:embed lib/windows_amd64
var libraries embed.FS

const (
	platform      = "windows/amd64"
	libraryFolder = "lib/windows_amd64"
	libraryFile   = "knocker.dll"
)
