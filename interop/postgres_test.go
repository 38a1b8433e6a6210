package interop_test

import (
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A postgres is a PostgreSQL server at work, with nothing in it.
type postgres struct {
	*process
	url string // of its database, with name and password
}

// startPostgres starts a server that ends with the test, on a loopback port, without
// a socket that others could find. Connections are to be closed before the test ends.
func startPostgres(t *testing.T) *postgres {
	t.Helper()
	bin := postgresBin(t)
	as, dir := postgresUser(t)
	password := rand.Text()
	passwordFile := filepath.Join(dir, "password")
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o644); err != nil { // in a directory that is closed to others
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	initialize := append(slices.Clone(as), filepath.Join(bin, "initdb"), "--pgdata="+data, "--username=login", "--pwfile="+passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	ctx, cancel := context.WithTimeout(bounded(t), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, initialize[0], initialize[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}

	addr := freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	serve := append(slices.Clone(as), filepath.Join(bin, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", "-F")
	up := func(line string) bool { return strings.Contains(line, "ready to accept connections") }
	p := &postgres{process: start(t, up, []string{"LC_ALL=C"}, serve[0], serve[1:]...)}
	p.url = (&url.URL{
		Scheme: "postgres", User: url.UserPassword("login", password), Host: addr, Path: "/postgres", RawQuery: "sslmode=disable",
	}).String()
	return p
}

// postgresBin returns the directory of initdb and postgres, which Debian keeps off
// the path.
func postgresBin(t *testing.T) string {
	t.Helper()
	if file, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(file)
	}
	files, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(files) == 0 {
		t.Fatal("PostgreSQL is missing, install it with\n\tapt-get install postgresql")
	}
	return filepath.Dir(files[len(files)-1])
}

// postgresUser returns what is put before a command of PostgreSQL, which refuses to
// work for root, and a directory of the user who it works for.
func postgresUser(t *testing.T) (as []string, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "login-postgres-") // those of a test are closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Getuid() != 0 {
		return nil, dir
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL does not work for root, and its own user is missing: %v", err)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if uidErr != nil || gidErr != nil {
		t.Fatalf("the user postgres is %s:%s, want numbers", u.Uid, u.Gid)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	// A program that becomes somebody else no longer ends with its parent, unless it says so again.
	return []string{"setpriv", "--reuid=" + u.Uid, "--regid=" + u.Gid, "--init-groups", "--pdeathsig=KILL"}, dir
}
