//go:build !linux

package knocker

import "time"

// kernelWatch is not known here: the file is asked every few milliseconds.
type kernelWatch struct{}

func newKernelWatch(string) *kernelWatch                       { return nil }
func (*kernelWatch) wait(time.Duration) (written, goesOn bool) { return false, false }
func (*kernelWatch) endWith(<-chan struct{})                   {}
func (*kernelWatch) close()                                    {}
