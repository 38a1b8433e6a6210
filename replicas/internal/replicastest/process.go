package replicastest

import (
	"bufio"
	"io"
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
	cmd   *exec.Cmd
	line  string        // for which it was ready
	ended chan struct{} // closed when it has ended

	mu     sync.Mutex
	output strings.Builder
}

// launch runs a program until it prints a line with ready in it.
func launch(t *testing.T, ready string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}, env...)
	p.cmd.Dir = "/"
	dieWithParent(p.cmd)
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		defer close(p.ended)
		p.cmd.Wait()
		w.Close()
	}()
	up := make(chan struct{})
	go p.read(r, ready, up)
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, p.text())
		}
	})
	select {
	case <-up:
	case <-p.ended:
		t.Fatalf("%s ended before it was ready", name)
	case <-time.After(30 * time.Second):
		t.Fatalf("%s was not ready in time", name)
	}
	return p
}

func (p *process) read(r io.Reader, ready string, up chan struct{}) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		p.mu.Lock()
		p.output.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if up != nil && strings.Contains(lines.Text(), ready) {
			p.line = lines.Text()
			close(up)
			up = nil
		}
	}
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// stop ends p and everything that it has started.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGCONT)
	p.cmd.Process.Signal(syscall.SIGINT) // to PostgreSQL: do not wait for those who are connected
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.kill()
	}
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// freePort returns a loopback port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
