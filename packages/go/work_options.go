package knocker

import "time"

// WorkOption says how a worker works.
type WorkOption func(*workOptions) error

type workOptions struct {
	concurrency int
	lease       time.Duration
	poll        time.Duration
	share       bool
}

func workOptionsOf(given []WorkOption) (workOptions, error) {
	o := workOptions{concurrency: 1, lease: time.Minute, poll: time.Second, share: true}
	err := apply(&o, given)
	return o, err
}

// Concurrency is how many handlers run at once, each with a connection of its own; 1 by default.
func Concurrency(n int) WorkOption {
	return func(o *workOptions) error {
		if n < 1 || n > mostHandlers {
			return usage("Concurrency: %d is not between 1 and %d", n, mostHandlers)
		}
		o.concurrency = n
		return nil
	}
}

// Lease is how long a job is the worker's before others may take it; extended while its handlers run. One minute by default.
func Lease(d time.Duration) WorkOption {
	return func(o *workOptions) error {
		if d < time.Second || d > longestLease || d%time.Second != 0 {
			return usage("Lease: %v is not a number of whole seconds up to a day", d)
		}
		o.lease = d
		return nil
	}
}

// Poll is how long the worker sleeps at most where nobody wakes it; one second by default. Receipts and commits of other processes wake it.
func Poll(d time.Duration) WorkOption {
	return func(o *workOptions) error {
		if d <= 0 {
			return usage("Poll: %v is not positive", d)
		}
		o.poll = d
		return nil
	}
}

// ShareCommits says whether the quick handlers of a backlog share commits: several events in one transaction, each in a savepoint with its own
// verdict. They do so by default; with false each event is committed alone.
func ShareCommits(share bool) WorkOption {
	return func(o *workOptions) error {
		o.share = share
		return nil
	}
}
