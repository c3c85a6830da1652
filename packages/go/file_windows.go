package knocker

import "os"

// lock does nothing: a file that is open cannot be replaced on Windows.
func lock(*os.File) {}
