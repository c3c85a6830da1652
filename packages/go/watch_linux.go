package knocker

import (
	"os"
	"syscall"
	"time"
)

// kernelWatch becomes readable when a file is written.
type kernelWatch struct {
	file *os.File
	done chan struct{}
}

func newKernelWatch(path string) *kernelWatch {
	descriptor, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		return nil
	}
	if _, err := syscall.InotifyAddWatch(descriptor, path, syscall.IN_MODIFY); err != nil {
		_ = syscall.Close(descriptor)
		return nil
	}
	return &kernelWatch{os.NewFile(uintptr(descriptor), "inotify"), make(chan struct{})}
}

// endWith has a wait end at once when the channel is closed.
func (k *kernelWatch) endWith(stopped <-chan struct{}) {
	go func() {
		select {
		case <-stopped:
			_ = k.file.Close()
		case <-k.done:
		}
	}()
}

// wait says whether the file was written to before the timeout, and whether the watch goes on: the file may have been removed.
func (k *kernelWatch) wait(timeout time.Duration) (written, goesOn bool) {
	buffer := make([]byte, 4096)
	if k.file.SetReadDeadline(time.Now().Add(timeout)) != nil {
		return false, false
	}
	n, err := k.file.Read(buffer)
	if os.IsTimeout(err) {
		return false, true
	}
	if err != nil || n < syscall.SizeofInotifyEvent {
		return false, false
	}
	mask := uint32(buffer[4]) | uint32(buffer[5])<<8 | uint32(buffer[6])<<16 | uint32(buffer[7])<<24
	return true, mask&syscall.IN_MODIFY != 0
}

func (k *kernelWatch) close() {
	close(k.done)
	_ = k.file.Close()
}
