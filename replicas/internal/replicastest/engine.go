package replicastest

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// An Engine is a server that replicas share. It ends with the test.
type Engine struct {
	URL   string
	start func() *process
	p     *process
}

// Stop ends the engine; what was written is kept.
func (e *Engine) Stop() { e.p.stop() }

// Start makes it serve again, under the same address.
func (e *Engine) Start() { e.p = e.start() }

// Hang makes it answer nobody, without closing a connection, until resume is called.
func (e *Engine) Hang(t *testing.T) (resume func()) {
	t.Helper()
	if err := e.p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	all := []int{e.p.cmd.Process.Pid}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", all[0])) // PostgreSQL has one for each connection
	if err != nil {
		t.Fatal(err)
	}
	for _, child := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	for _, pid := range all[1:] {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	return func() {
		for _, pid := range all {
			syscall.Kill(pid, syscall.SIGCONT)
		}
	}
}

// StartRedis starts a Redis with nothing in it.
func StartRedis(t *testing.T) *Engine {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("Redis is missing, install it with\n\tapt-get install redis-server")
	}
	port, dir, password := freePort(t), t.TempDir(), rand.Text()
	e := &Engine{URL: "redis://:" + password + "@127.0.0.1:" + port, start: func() *process {
		t.Helper()
		return launch(t, "Ready to accept connections", nil, bin, "--port", port, "--bind", "127.0.0.1",
			"--requirepass", password, "--dir", dir, "--appendonly", "yes", "--appendfsync", "always")
	}}
	e.Start()
	return e
}

// StartPostgres starts a PostgreSQL with nothing in it.
func StartPostgres(t *testing.T) *Engine {
	t.Helper()
	bin, port := postgresBin(t), freePort(t)
	as, dir := postgresUser(t)
	password := rand.Text()
	passwordFile, data := filepath.Join(dir, "password"), filepath.Join(dir, "data")
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o644); err != nil { // in a directory that is closed to others
		t.Fatal(err)
	}
	args := append(slices.Clone(as), filepath.Join(bin, "initdb"), "--pgdata="+data, "--username=login", "--pwfile="+passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	initialize := exec.Command(args[0], args[1:]...)
	initialize.Dir = dir
	if out, err := initialize.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	serve := append(slices.Clone(as), filepath.Join(bin, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", "-F")
	e := &Engine{start: func() *process {
		t.Helper()
		return launch(t, "ready to accept connections", nil, serve[0], serve[1:]...)
	}}
	e.URL = (&url.URL{
		Scheme: "postgres", User: url.UserPassword("login", password), Host: "127.0.0.1:" + port, Path: "/postgres", RawQuery: "sslmode=disable",
	}).String()
	e.Start()
	return e
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
