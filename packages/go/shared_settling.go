package knocker

import "errors"

// takeBack takes back what was written since the savepoint, or everything where that is not possible.
func (s *sharedCommit) takeBack() {
	c := s.connection.conn
	if !c.inTransaction() {
		s.findOut()
		return
	}
	err := c.exec(undoSavepoint)
	if err == nil {
		err = c.exec(releaseSavepoint)
	}
	if err != nil {
		s.database.options.logger.Warn("a handler has ended its savepoint, and the events that shared its transaction run again",
			"record", "commit_undone", "error", messageOf(err))
		s.rollBack()
		s.findOut()
	}
}

func (s *sharedCommit) writeVerdict(m *member) error {
	status, err := m.write(s.connection.conn, s.keeper.leases.at(m.endedAt))
	switch {
	case errors.Is(err, ErrLeaseLost):
		status, m.problem = leaseLost, err
	case err != nil:
		s.database.doubt(err)
		return err
	}
	m.status, m.state = status, memberWritten
	return nil
}

func (s *sharedCommit) writeWaiting() error {
	for _, m := range s.members {
		if m.state == memberWaits {
			if err := s.writeVerdict(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle commits. What could not be committed is undone, but for verdicts that wait where a handler runs: they have time.
func (s *sharedCommit) settle(begin func() error, claimNext bool) []lostAttempt {
	c := s.connection.conn
	if s.isOpen && !c.inTransaction() {
		s.findOut()
	}
	var uncommitted []*member
	for _, m := range s.members {
		if m.isUncommitted() {
			uncommitted = append(uncommitted, m)
		}
	}
	if len(uncommitted) == 0 && !s.isOpen {
		return nil
	}
	if !s.isOpen {
		if err := begin(); err != nil {
			if s.current == nil || !errors.Is(err, ErrBusy) {
				s.lose(err)
			}
			return nil
		}
		s.opened()
	}
	next, err := s.write(uncommitted, claimNext)
	if err != nil {
		s.rollBack()
		next.undone()
		s.lose(err)
		return nil
	}
	s.isOpen = false
	s.connection.heldSince(s.lockedAt)
	for _, m := range uncommitted {
		m.state = memberCommitted
	}
	lost := next.committed()
	s.database.checkpoints.committed(c, len(uncommitted)+next.calls(), 0)
	return lost
}

// write writes and commits, with the claim of what comes next.
func (s *sharedCommit) write(uncommitted []*member, claimNext bool) (next *nextClaim, err error) {
	if err := s.writeWaiting(); err != nil {
		return nil, err
	}
	ids := make(map[int64]bool, len(uncommitted))
	for _, m := range uncommitted {
		ids[m.job.ID] = true
	}
	if s.database.wallClock().Sub(s.openedAt) > s.keeper.lease/extensions {
		if err := s.keeper.renew(s.connection.conn, ids); err != nil {
			return nil, err
		}
	}
	// What is written to a file that is gone would be nowhere.
	if err := s.database.refuseFormer(s.generation); err != nil {
		return nil, err
	}
	if claimNext {
		if next, err = s.keeper.claimNext(s.connection.conn); err != nil {
			return nil, err
		}
	}
	s.connection.commits++
	return next, s.keeper.settling(ids, func() error { return s.connection.conn.exec("COMMIT") })
}

func (s *sharedCommit) lose(err error) {
	s.database.doubt(err)
	s.undo(err)
}

func (s *sharedCommit) undo(err error) {
	for _, m := range s.members {
		if m.isUncommitted() {
			m.state, m.problem = memberUndone, err
		}
	}
}

func (s *sharedCommit) rollBack() {
	s.isOpen = false
	if s.connection.conn.inTransaction() {
		// One that fails leaves what SQLite has rolled back itself.
		_ = s.connection.conn.exec("ROLLBACK")
	}
}

// findOut: a handler has ended the transaction, or SQLite has, as on a full disk. The file says whether it was committed.
func (s *sharedCommit) findOut() {
	s.isOpen = false
	for _, m := range s.members {
		if m.state == memberWritten {
			m.state = memberUndone
			if s.isInFile(m) {
				m.state = memberCommitted
			}
		}
	}
}

// isInFile: where nobody can tell it runs again, and its verdict is refused if it has one already.
func (s *sharedCommit) isInFile(m *member) bool {
	if m.status == leaseLost {
		return true
	}
	c := s.connection.conn
	leased, err := c.value("SELECT 1 FROM knocker_jobs WHERE job_id = ? AND worker = ?", m.job.ID, m.job.Worker)
	if err != nil || leased != nil {
		return false
	}
	result, err := c.value("SELECT result FROM knocker_attempts WHERE event_id = ? AND attempt = ? ORDER BY id DESC LIMIT 1", m.job.Event.ID, int64(m.job.Event.Attempt))
	return err == nil && text(result) == m.status
}
