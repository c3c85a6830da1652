package knocker

// nextClaim is a claim that the commit of verdicts makes besides, which saves a commit of its own. Nobody else claims for this worker until it has
// ended. Without one, nil, nothing was claimed.
type nextClaim struct {
	keeper     *leaseKeeper
	connection *conn
	claimed    int
	lost       []lostAttempt
}

// claimNext claims what comes next in a transaction that is about to be committed, where nothing is ready and nobody else is claiming.
func (k *leaseKeeper) claimNext(c *conn) (*nextClaim, error) {
	names := k.endpoints()
	if k.hasReady() || len(names) == 0 || k.database.checkpoints.distrusted.Load() || !k.claiming.tryLock() {
		return nil, nil
	}
	n := &nextClaim{keeper: k, connection: c}
	due, err := k.isAnyDue(c, names)
	if err == nil && due {
		n.claimed, n.lost, err = k.claimOn(c, 1, names)
	}
	if err != nil {
		n.undone()
		return nil, err
	}
	return n, nil
}

// isAnyDue says whether there is something to claim. Within a backlog nobody asks: the claim finds it out.
func (k *leaseKeeper) isAnyDue(c *conn, names []string) (bool, error) {
	k.mu.Lock()
	mayBeMore := k.mayBeMore
	k.mu.Unlock()
	if mayBeMore {
		return true, nil
	}
	due, isDue, err := k.leases.nextDue(c, names)
	return isDue && due == 0, err
}

// calls is how many were made in the transaction.
func (n *nextClaim) calls() int {
	if n == nil {
		return 0
	}
	return n.claimed + len(n.lost)
}

// undone: the transaction was rolled back.
func (n *nextClaim) undone() {
	if n != nil {
		n.keeper.claiming.unlock()
	}
}

// committed makes what was claimed ready, and gives the attempts that turned out to be lost.
func (n *nextClaim) committed() []lostAttempt {
	if n == nil {
		return nil
	}
	defer n.keeper.claiming.unlock()
	if n.claimed > 0 {
		if err := n.keeper.takeOver(n.connection); err != nil {
			// The next claim that finds something reads them too.
			n.keeper.database.doubt(err)
		}
	}
	known, err := withEvents(n.connection, n.lost)
	if err != nil {
		n.keeper.database.doubt(err)
	}
	return known
}
