package interop_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A redisServer is a Redis at work, with nothing in it. It writes down at once what
// it is told, so that it still knows it after a restart.
type redisServer struct {
	*process
	file, config   string
	addr, password string
}

// startRedis starts one on a loopback port, which ends with the test.
func startRedis(t *testing.T) *redisServer {
	t.Helper()
	file, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("Redis is missing, install it with\n\tapt-get install redis-server\n%v", err)
	}
	dir := t.TempDir()
	r := &redisServer{file: file, config: filepath.Join(dir, "redis.conf"), addr: freeAddr(t), password: rand.Text()}
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("bind %s\nport %s\nrequirepass %s\ndir %s\nappendonly yes\nappendfsync always\nsave \"\"\n",
		host, port, r.password, dir)
	if err := os.WriteFile(r.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	return r
}

// start starts it again after a stop.
func (r *redisServer) start(t *testing.T) {
	t.Helper()
	up := func(line string) bool { return strings.Contains(line, "Ready to accept connections") }
	r.process = start(t, up, nil, r.file, r.config)
}
