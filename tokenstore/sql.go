package tokenstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A SQL keeps tokens in one table of a database, which any number of programs may
// use at once. It works with SQLite, PostgreSQL and MySQL, and needs no transaction:
// each change is one statement, which names the value that it replaces. Waiting for
// a database that is locked is the driver's business; SQLite wants a busy timeout.
type SQL struct {
	// DB is the database. The program chooses the driver, and closes it.
	DB *sql.DB

	// Table is its name: letters, digits and underscores, with the name of a schema
	// and a dot before it or not. If empty, it is login_tokens.
	Table string

	// Numbered says that placeholders are $1, as in PostgreSQL, and not ?.
	Numbered bool
}

// Create creates the table, if it is not there:
//
//	CREATE TABLE IF NOT EXISTS login_tokens (
//		token_key VARCHAR(64) NOT NULL PRIMARY KEY, -- SHA-256 of the key, as hexadecimal digits
//		sealed    MEDIUMBLOB  NOT NULL              -- BYTEA if Numbered
//	)
//
// SQLite takes any word with BLOB in it for BLOB, which in MySQL ends at 64 KiB.
func (s SQL) Create(ctx context.Context) error {
	blob := "MEDIUMBLOB"
	if s.Numbered {
		blob = "BYTEA"
	}
	text := "CREATE TABLE IF NOT EXISTS %s (token_key VARCHAR(64) NOT NULL PRIMARY KEY, sealed " + blob + " NOT NULL)"
	_, err := s.exec(ctx, text)
	if err != nil { // PostgreSQL fails for one of two who create it at once; then it is there
		_, err = s.exec(ctx, text)
	}
	if err != nil {
		return fmt.Errorf("tokenstore: create: %w", err)
	}
	return nil
}

// Load returns what is kept under key. If that is nothing, the error wraps
// [login.ErrNoToken].
func (s SQL) Load(ctx context.Context, key string) ([]byte, error) {
	value, err := s.row(ctx, rowName(key))
	if err != nil {
		return nil, fmt.Errorf("tokenstore: load: %w", err)
	}
	if value == nil {
		return nil, noToken()
	}
	return value, nil
}

// Save puts value in the place of old, and reports false if something else is kept
// there by now. A nil old means that nothing is.
func (s SQL) Save(ctx context.Context, key string, old, value []byte) (saved bool, err error) {
	err = checkValue(value)
	switch {
	case err != nil:
	case old == nil:
		saved, err = s.insert(ctx, rowName(key), value)
	default:
		saved, err = s.update(ctx, rowName(key), old, value)
	}
	if err != nil {
		return false, fmt.Errorf("tokenstore: save: %w", err)
	}
	return saved, nil
}

// Delete removes what is kept under key. It is no error if there is nothing.
func (s SQL) Delete(ctx context.Context, key string) error {
	if _, err := s.exec(ctx, "DELETE FROM %s WHERE token_key = ?", rowName(key)); err != nil {
		return fmt.Errorf("tokenstore: delete: %w", err)
	}
	return nil
}

// insert asks first only to spare the log of the database an error: what decides is
// the primary key.
func (s SQL) insert(ctx context.Context, name string, value []byte) (bool, error) {
	if kept, err := s.row(ctx, name); err != nil || kept != nil {
		return false, err
	}
	_, err := s.exec(ctx, "INSERT INTO %s (token_key, sealed) VALUES (?, ?)", name, value)
	if err == nil {
		return true, nil
	}
	if kept, _ := s.row(ctx, name); kept != nil { // no two databases name this error alike
		return false, nil
	}
	return false, err
}

func (s SQL) update(ctx context.Context, name string, old, value []byte) (bool, error) {
	result, err := s.exec(ctx, "UPDATE %s SET sealed = ? WHERE token_key = ? AND sealed = ?", value, name, old)
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	if err != nil || rows > 0 || !bytes.Equal(old, value) {
		return rows > 0, err
	}
	kept, err := s.row(ctx, name) // MySQL does not count a row that is what it was
	return bytes.Equal(kept, value), err
}

// row returns nil if there is none.
func (s SQL) row(ctx context.Context, name string) (value []byte, err error) {
	text, err := s.statement("SELECT sealed FROM %s WHERE token_key = ?")
	if err != nil {
		return nil, err
	}
	err = s.DB.QueryRowContext(ctx, text, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		err = checkValue(value) // of a row that is not ours
	}
	return value, err
}

func (s SQL) exec(ctx context.Context, format string, args ...any) (sql.Result, error) {
	text, err := s.statement(format)
	if err != nil {
		return nil, err
	}
	return s.DB.ExecContext(ctx, text, args...)
}

// statement puts the table and the placeholders into format.
func (s SQL) statement(format string) (string, error) {
	table := s.Table
	if table == "" {
		table = "login_tokens"
	}
	if s.DB == nil {
		return "", errors.New("want a DB, have nil")
	}
	if !isTable(table) { // SQL could be injected: a table is no parameter
		return "", fmt.Errorf("want a Table of letters, digits and underscores, have %q", table)
	}
	text := fmt.Sprintf(format, table)
	for n := 1; s.Numbered && strings.Contains(text, "?"); n++ {
		text = strings.Replace(text, "?", "$"+strconv.Itoa(n), 1)
	}
	return text, nil
}

// isTable reports whether name is an identifier, or two with a dot between them.
func isTable(name string) bool {
	schema, table, qualified := strings.Cut(name, ".")
	return isIdentifier(schema) && (!qualified || isIdentifier(table))
}

func isIdentifier(s string) bool {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 63 // the most that PostgreSQL tells apart
}
