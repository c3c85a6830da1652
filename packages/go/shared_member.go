package knocker

import (
	"context"
	"time"
)

// memberState is how far a member has come.
type memberState int

const (
	// memberWaits: no transaction is open yet, and the verdict is not written.
	memberWaits memberState = iota
	memberWritten
	memberCommitted
	// memberUndone: what was written of it is not in the file.
	memberUndone
)

// member is an attempt whose handlers have ended, and which waits for the commit.
type member struct {
	job *Job
	// given is the context that the worker has, and ctx the handlers'.
	given, ctx context.Context
	report     *attemptReport
	// write writes the verdict, and gives what becomes of the event.
	write func(*conn, leases) (string, error)
	// usedTx: its handlers have a savepoint. hasWrites: what they wrote in it is to be committed; without it only the verdict is to be written again
	// where that is lost.
	usedTx, hasWrites bool
	// told tells what is particular about its status, after the commit; it may be nil.
	told func(status string)
	took time.Duration
	// endedAt is when its handlers had ended, which is when the verdict is of.
	endedAt time.Time

	state  memberState
	status string
	// problem is why its lease was lost, or why it is undone.
	problem error
}

// isUncommitted says whether nothing is decided about it yet.
func (m *member) isUncommitted() bool { return m.state == memberWaits || m.state == memberWritten }
