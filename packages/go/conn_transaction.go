package knocker

// part is what a statement does to its connection.
type part int

const (
	partOther part = iota
	partCommit
	partRollback
	// partSavepoint is one with the worker's name.
	partSavepoint
	// partSetting outlives the transaction: a pragma, an attached file.
	partSetting
)

// inTransactionOfItsOwn runs a function between BEGIN IMMEDIATE and COMMIT, and takes back what it did where it fails.
func (c *conn) inTransactionOfItsOwn(do func() error) error {
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		err = c.exec("COMMIT")
	}
	if err != nil && c.inTransaction() {
		// SQLite itself has rolled back after a full or failing disk.
		_ = c.exec("ROLLBACK")
	}
	return err
}
