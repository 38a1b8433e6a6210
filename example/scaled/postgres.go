package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/doorlatch/login/replicas/postgres"
)

const sharedConnections = 10

// postgresConfig returns how to reach the PostgreSQL of a URL, nil if it is empty.
func postgresConfig(url string) (*pgx.ConnConfig, error) {
	if url == "" {
		return nil, nil
	}
	c, err := pgx.ParseConfig(url)
	if err != nil || !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, errors.New("want a URL such as postgres://name:password@127.0.0.1:5432/database, have something else")
	}
	return c, nil
}

func (r *replica) openPostgres(ctx context.Context) error {
	db := r.pool(*r.postgres, sharedConnections)
	c := postgres.Config{DB: db, Logger: r.Logger}
	if err := postgres.Create(ctx, c); err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	shared, err := postgres.New(ctx, c)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	r.opened = append(r.opened, func() { shared.Close() })
	r.Once, r.Revocations = shared, shared
	if !r.inStore {
		return nil
	}
	if err := r.openPostgresStore(ctx, db); err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	return nil
}

// pool returns so many connections.
func (r *replica) pool(c pgx.ConnConfig, connections int) *sql.DB {
	db := stdlib.OpenDB(c)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	r.opened = append(r.opened, func() { db.Close() })
	return db
}
