// Package sqlcqueries has the form that sqlc gives to queries for database/sql.
package sqlcqueries

import (
	"context"
	"database/sql"
)

// DBTX is what sqlc's queries run on.
type DBTX interface {
	ExecContext(context.Context, string, ...interface{}) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
	QueryContext(context.Context, string, ...interface{}) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...interface{}) *sql.Row
}

// New gives the queries on a pool, a connection or a transaction.
func New(db DBTX) *Queries { return &Queries{db: db} }

// Queries are the queries.
type Queries struct {
	db DBTX
}

const createOrder = `-- name: CreateOrder :exec
INSERT INTO orders (id) VALUES (?)
`

// CreateOrder stores one.
func (q *Queries) CreateOrder(ctx context.Context, id string) error {
	_, err := q.db.ExecContext(ctx, createOrder, id)
	return err
}

const countOrders = `-- name: CountOrders :one
SELECT count(*) FROM orders
`

// CountOrders counts them.
func (q *Queries) CountOrders(ctx context.Context) (int64, error) {
	row := q.db.QueryRowContext(ctx, countOrders)
	var count int64
	err := row.Scan(&count)
	return count, err
}

const listOrders = `-- name: ListOrders :many
SELECT id FROM orders ORDER BY id
`

// ListOrders lists them.
func (q *Queries) ListOrders(ctx context.Context) ([]string, error) {
	rows, err := q.db.QueryContext(ctx, listOrders)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var items []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		items = append(items, id)
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return items, nil
}
