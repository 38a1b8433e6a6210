package tokenstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/tokenstore"
)

// A database answers as it is told, and remembers what it was asked. The tests with
// real ones are in the module interop.
type database struct {
	asked   []string
	rows    [][]byte // of the selects to come; nil: no such row
	changed int64    // rows, by any other statement
	errs    []error  // of the other statements to come
}

func (d *database) open(t *testing.T) *sql.DB {
	db := sql.OpenDB(d)
	t.Cleanup(func() { db.Close() })
	return db
}

func (d *database) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *database) Driver() driver.Driver                        { return nil }
func (d *database) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }
func (d *database) Begin() (driver.Tx, error)                    { return nil, errors.New("no transaction is needed") }
func (d *database) Close() error                                 { return nil }

func (d *database) QueryContext(_ context.Context, text string, _ []driver.NamedValue) (driver.Rows, error) {
	d.asked = append(d.asked, text)
	if len(d.rows) == 0 {
		return nil, errors.New("one select too many")
	}
	row := d.rows[0]
	d.rows = d.rows[1:]
	return &rows{row}, nil
}

func (d *database) ExecContext(_ context.Context, text string, _ []driver.NamedValue) (driver.Result, error) {
	d.asked = append(d.asked, text)
	if len(d.errs) > 0 {
		err := d.errs[0]
		if d.errs = d.errs[1:]; err != nil {
			return nil, err
		}
	}
	return driver.RowsAffected(d.changed), nil
}

type rows struct{ row []byte }

func (r *rows) Columns() []string { return []string{"sealed"} }
func (r *rows) Close() error      { return nil }
func (r *rows) Next(to []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	to[0], r.row = r.row, nil
	return nil
}

func TestSQLStatements(t *testing.T) {
	tests := []struct {
		name string
		SQL  tokenstore.SQL
		want []string
	}{
		{"zero", tokenstore.SQL{}, []string{
			"CREATE TABLE IF NOT EXISTS login_tokens (token_key VARCHAR(64) NOT NULL PRIMARY KEY, sealed MEDIUMBLOB NOT NULL)",
			"SELECT sealed FROM login_tokens WHERE token_key = ?",
			"UPDATE login_tokens SET sealed = ? WHERE token_key = ? AND sealed = ?",
			"SELECT sealed FROM login_tokens WHERE token_key = ?",
			"INSERT INTO login_tokens (token_key, sealed) VALUES (?, ?)",
			"DELETE FROM login_tokens WHERE token_key = ?",
		}},
		{"numbered", tokenstore.SQL{Table: "bot.Tokens_2", Numbered: true}, []string{
			"CREATE TABLE IF NOT EXISTS bot.Tokens_2 (token_key VARCHAR(64) NOT NULL PRIMARY KEY, sealed BYTEA NOT NULL)",
			"SELECT sealed FROM bot.Tokens_2 WHERE token_key = $1",
			"UPDATE bot.Tokens_2 SET sealed = $1 WHERE token_key = $2 AND sealed = $3",
			"SELECT sealed FROM bot.Tokens_2 WHERE token_key = $1",
			"INSERT INTO bot.Tokens_2 (token_key, sealed) VALUES ($1, $2)",
			"DELETE FROM bot.Tokens_2 WHERE token_key = $1",
		}},
	}
	for _, test := range tests {
		d := &database{rows: [][]byte{[]byte("one"), nil}, changed: 1}
		s := test.SQL
		s.DB = d.open(t)
		errs := make([]error, 5)
		errs[0] = s.Create(t.Context())
		_, errs[1] = s.Load(t.Context(), "page")
		_, errs[2] = s.Save(t.Context(), "page", []byte("one"), []byte("two"))
		_, errs[3] = s.Save(t.Context(), "page", nil, []byte("two"))
		errs[4] = s.Delete(t.Context(), "page")
		if err := errors.Join(errs...); err != nil || !slices.Equal(d.asked, test.want) {
			t.Errorf("%s: got %v and\n%s\nwant\n%s", test.name, err, strings.Join(d.asked, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// What the answers of a database mean for Save.
func TestSQLSave(t *testing.T) {
	refused := errors.New("refused")
	one, two := []byte("one"), []byte("two")
	tests := []struct {
		name       string
		old, value []byte
		database   database
		want       bool
		fails      bool
	}{
		{"created", nil, one, database{rows: [][]byte{nil}}, true, false},
		{"something is there", nil, one, database{rows: [][]byte{two}}, false, false},
		{"somebody was faster", nil, one, database{rows: [][]byte{nil, two}, errs: []error{refused}}, false, false},
		{"no insert", nil, one, database{rows: [][]byte{nil, nil}, errs: []error{refused}}, false, true},
		{"replaced", one, two, database{changed: 1}, true, false},
		{"something else is there", one, two, database{}, false, false},
		{"an empty old is not nothing", []byte{}, one, database{}, false, false},
		{"no update", one, two, database{errs: []error{refused}}, false, true},
		{"the same, not counted by MySQL", one, one, database{rows: [][]byte{one}}, true, false},
		{"the same, but something else is there", one, one, database{rows: [][]byte{two}}, false, false},
		{"the same, but nothing is there", one, one, database{rows: [][]byte{nil}}, false, false},
	}
	for _, test := range tests {
		s := tokenstore.SQL{DB: test.database.open(t)}
		got, err := s.Save(t.Context(), "page", test.old, test.value)
		if got != test.want || errors.Is(err, refused) != test.fails || !test.fails && err != nil {
			t.Errorf("%s: got %v, %v, want %v, error %v", test.name, got, err, test.want, test.fails)
		}
	}
}

// Of two programs that create the table at once, PostgreSQL fails one.
func TestSQLCreateTwice(t *testing.T) {
	refused := errors.New("refused")
	for _, test := range []struct {
		errs []error
		want error
	}{{[]error{refused}, nil}, {[]error{refused, refused}, refused}} {
		d := &database{errs: test.errs}
		if err := (tokenstore.SQL{DB: d.open(t)}).Create(t.Context()); !errors.Is(err, test.want) {
			t.Errorf("got %v, want %v", err, test.want)
		}
	}
}

// An empty or a gigantic row is none of ours, and neither a token nor the lack of one.
func TestSQLForeignRow(t *testing.T) {
	for _, row := range [][]byte{{}, make([]byte, 2<<20+1)} {
		d := &database{rows: [][]byte{row, row}}
		s := tokenstore.SQL{DB: d.open(t)}
		if value, err := s.Load(t.Context(), "page"); value != nil || err == nil || errors.Is(err, login.ErrNoToken) {
			t.Errorf("load: got %d bytes, %v", len(value), err)
		}
		if saved, err := s.Save(t.Context(), "page", nil, []byte("value")); saved || err == nil {
			t.Errorf("save: got %v, %v", saved, err)
		}
	}
}

// What is wrong with the fields is an error before the database is asked: the name of
// a table is no parameter.
func TestSQLFields(t *testing.T) {
	d := new(database)
	db := d.open(t)
	stores := map[string]tokenstore.SQL{"DB": {}}
	for _, table := range []string{
		"a b", "a;b", "a--", `"a"`, "a'", "a.", ".a", "a.b.c", "1a", "a.1", "ä", "a\x00", "a\n", "$1", "?", "%s", " a", strings.Repeat("a", 64),
	} {
		stores[table] = tokenstore.SQL{DB: db, Table: table}
	}
	for name, s := range stores {
		errs := map[string]error{"create": s.Create(t.Context()), "delete": s.Delete(t.Context(), "page")}
		_, errs["load"] = s.Load(t.Context(), "page")
		for _, old := range [][]byte{nil, []byte("old")} {
			_, errs["save"] = s.Save(t.Context(), "page", old, []byte("value"))
			want := "have \"" // the table
			if s.DB == nil {
				want = "want a DB, have nil"
			}
			for op, err := range errs {
				if err == nil || !strings.HasPrefix(err.Error(), "tokenstore: "+op+": ") || !strings.Contains(err.Error(), want) {
					t.Errorf("%q: got %v", name, err)
				}
			}
		}
	}
	if d.asked != nil {
		t.Errorf("the database was asked %q", d.asked)
	}
}
