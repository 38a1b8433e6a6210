package interop_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is a program that a test has started, and that ends with the test.
type process struct {
	name  string
	stop  func() // and wait until it has stopped
	ended chan struct{}

	mu     sync.Mutex
	output bytes.Buffer
	read   int // bytes of output that ready has seen
	ready  func(line string) bool
	isUp   chan struct{}
}

// start runs a program and waits until it prints a line for which ready returns
// true. It gets no environment but env and what every program needs. One that has
// not come up in half a minute, as node once did, is started a second time.
func start(t *testing.T, ready func(line string) bool, env []string, name string, args ...string) *process {
	t.Helper()
	for range 2 {
		p := launch(t, ready, env, name, args...)
		if p.awaitReady(t) {
			return p
		}
		p.stop()
		t.Logf("%s was not ready in time: %s", name, p.text())
	}
	t.Fatalf("%s was not ready in time, twice", name)
	return nil
}

func launch(t *testing.T, ready func(line string) bool, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{name: name, ready: ready, isUp: make(chan struct{}), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(bounded(t))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	cmd.Stdout, cmd.Stderr = p, p
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second // then it is killed
	dieWithParent(cmd)
	if _, err := cmd.StdinPipe(); err != nil { // closed when this program ends, however it does
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		defer close(p.ended)
		cmd.Wait()
	}()
	p.stop = func() {
		cancel()
		<-p.ended
	}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, p.text())
		}
	})
	return p
}

// awaitReady reports whether p has come up in time.
func (p *process) awaitReady(t *testing.T) bool {
	t.Helper()
	select {
	case <-p.isUp:
		return true
	case <-p.ended:
		t.Fatalf("%s ended before it was ready", p.name)
	case <-time.After(30 * time.Second):
	}
	return false
}

// Write keeps what the process prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.output.Write(b)
	for p.ready != nil {
		line, _, whole := strings.Cut(string(p.output.Bytes()[p.read:]), "\n")
		if !whole {
			break
		}
		p.read += len(line) + 1
		if p.ready(line) {
			p.ready = nil
			close(p.isUp)
		}
	}
	return len(b), nil
}

// text returns what the process has printed so far.
func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// freeAddr returns a loopback address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
