package knocker

import (
	"context"
	"database/sql/driver"
	"errors"
	"runtime"
)

// heavyBytes: a larger request is heavy. Of those at most half as many are judged at once, and they keep the others from nothing.
const heavyBytes = 64 << 10

// judges judge requests, which is what a stranger can make costly: before the transaction, beside the writer, and never by all cores at once. A
// judgement needs a read of the endpoint's settings and no lock.
type judges struct {
	database *database
	light    chan *seat
	heavy    chan *seat
}

// seat is a connection for judging, and the right to judge.
type seat struct {
	database   *database
	connection *conn
	generation int64
}

func newJudges(d *database) *judges {
	// More than the cores only take turns.
	seats := min(8, max(2, runtime.GOMAXPROCS(0)))
	j := &judges{database: d, light: make(chan *seat, seats), heavy: make(chan *seat, seats/2)}
	for range seats {
		j.light <- &seat{database: d}
	}
	for range seats / 2 {
		j.heavy <- &seat{database: d}
	}
	return j
}

// judge runs an SQL function that only reads.
func (j *judges) judge(ctx context.Context, size int, function string, arguments ...driver.Value) (driver.Value, error) {
	lane := j.light
	if size > heavyBytes {
		lane = j.heavy
	}
	select {
	case s := <-lane:
		defer func() { lane <- s }()
		return s.judge(function, arguments)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *seat) judge(function string, arguments []driver.Value) (driver.Value, error) {
	if s.generation != s.database.generation.Load() {
		s.close()
	}
	if s.connection == nil {
		if err := s.open(); err != nil {
			return nil, err
		}
	}
	result, err := s.connection.call(function, arguments...)
	if errors.Is(err, ErrIO) || errors.Is(err, ErrCorrupt) {
		s.close()
	}
	return result, err
}

func (s *seat) open() (err error) {
	d := s.database
	if d.cluster != nil {
		s.generation = d.generation.Load()
		s.connection, err = d.cluster.openMirror()
		return err
	}
	if err := d.refuseReplaced(); err != nil {
		return err
	}
	if err := d.openTheFile(); err != nil {
		return err
	}
	s.generation = d.generation.Load()
	s.connection, err = d.connect()
	return err
}

func (s *seat) close() {
	if s.connection != nil {
		s.connection.close()
		s.connection = nil
	}
}

// close closes the connections, once nobody judges any more.
func (j *judges) close() {
	for range cap(j.light) {
		(<-j.light).close()
	}
	for range cap(j.heavy) {
		(<-j.heavy).close()
	}
}
