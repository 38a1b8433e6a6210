package interop_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildScaled compiles the example for many replicas, once.
var buildScaled = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(workDir, "scaled")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, ".")
	cmd.Dir = "../example/scaled"
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("example/scaled does not build: %w\n%s", err, out)
	}
	return file, nil
})

// A scaledReplica is one of several processes of that program. It can be killed, too.
type scaledReplica struct {
	addr string
	env  []string // of all of them

	*process
	cmd *exec.Cmd
}

// newScaledReplica reserves an address that nobody takes by chance while the replica is
// away: below those that the system hands out.
func newScaledReplica(t *testing.T, env []string) *scaledReplica {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+rand.N(10000))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return &scaledReplica{addr: addr, env: env}
		}
	}
	t.Fatal("no port is free")
	return nil
}

// launch starts the process with these keys, and does not wait until it is ready.
func (r *scaledReplica) launch(t *testing.T, keys string) {
	t.Helper()
	file, err := buildScaled()
	if err != nil {
		t.Fatal(err)
	}
	ready := func(line string) bool { return strings.HasPrefix(line, "Open ") }
	p := &process{name: "replica " + r.addr, ready: ready, isUp: make(chan struct{}), ended: make(chan struct{})}
	cmd := exec.Command(file)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "ADDR=" + r.addr, "SESSION_KEYS=" + keys}, r.env...)
	cmd.Stdout, cmd.Stderr = p, p
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.ended
		text := p.text()
		quiet := ready(text) && strings.Count(text, "\n") == 1
		if t.Failed() && !quiet {
			t.Logf("output of %s:\n%s", p.name, text[:min(len(text), 4000)])
		}
	})
	r.process, r.cmd = p, cmd
}

func (r *scaledReplica) start(t *testing.T, keys string) {
	t.Helper()
	r.launch(t, keys)
	if !r.awaitReady(t) {
		t.Fatalf("%s was not ready in time", r.name)
	}
}

// end sends a signal, and waits until the process has ended. One that is asked to end
// has no reason to complain.
func (r *scaledReplica) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := r.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Fatalf("%s does not end", r.name)
	}
	if code := r.cmd.ProcessState.ExitCode(); signal == syscall.SIGTERM && code != 0 {
		t.Errorf("%s ended with status %d, want 0:\n%s", r.name, code, r.text())
	}
}
