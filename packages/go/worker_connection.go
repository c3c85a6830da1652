package knocker

import (
	"errors"
	"sync"
)

// workerConnection is a connection that a worker keeps for the queue: opened again where it has failed, or where the file has become another one.
type workerConnection struct {
	database   *database
	mu         sync.Mutex
	connection *conn
	generation int64
}

// use runs a function with the connection, for one goroutine at a time.
func (w *workerConnection) use(with func(*conn) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.database
	if err := d.refuseReplaced(); err != nil {
		return err
	}
	if w.generation != d.generation.Load() {
		w.disconnect()
	}
	if w.connection == nil {
		opened, err := d.open()
		if err != nil {
			return err
		}
		w.connection, w.generation = opened, d.generation.Load()
	}
	err := with(w.connection)
	if err != nil {
		d.doubt(err)
		if !errors.Is(err, ErrBusy) && !errors.Is(err, ErrClosed) {
			// One that came up read-only, say, stays so.
			w.disconnect()
		}
	}
	return err
}

// tryLock keeps others from using it, where nobody does. What it is for is done with another connection meanwhile.
func (w *workerConnection) tryLock() bool { return w.mu.TryLock() }

func (w *workerConnection) unlock() { w.mu.Unlock() }

func (w *workerConnection) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disconnect()
}

func (w *workerConnection) disconnect() {
	if w.connection != nil {
		w.connection.close()
		w.connection = nil
	}
}
