package interop_test

import (
	"errors"
	"net"
	"sync"
	"testing"
)

// A line leads to a server, and can be cut or fall silent.
type line struct {
	addr   string // of this end
	target string

	mu       sync.Mutex
	resumed  *sync.Cond
	silent   bool
	listener net.Listener // nil: connections are refused
	conns    map[net.Conn]bool
	work     sync.WaitGroup
}

// newLine returns a line to target that is open.
func newLine(t *testing.T, target string) *line {
	t.Helper()
	l := &line{addr: freeAddr(t), target: target, conns: make(map[net.Conn]bool)}
	l.resumed = sync.NewCond(&l.mu)
	l.connect(t)
	t.Cleanup(func() {
		l.cut()
		l.work.Wait()
	})
	return l
}

// connect opens l after cut or silence.
func (l *line) connect(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = false
	l.resumed.Broadcast()
	if l.listener != nil {
		return
	}
	listener, err := net.Listen("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	l.listener = listener
	l.work.Go(func() { l.accept(listener) })
}

// cut ends all connections; new ones are refused.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = false
	l.resumed.Broadcast()
	if l.listener != nil {
		l.listener.Close()
		l.listener = nil
	}
	for c := range l.conns {
		c.Close()
	}
}

// silence lets connections be made, on which nothing comes or goes.
func (l *line) silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = true
}

func (l *line) accept(from net.Listener) {
	for {
		near, err := from.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.target)
		if err != nil {
			near.Close()
			continue
		}
		l.mu.Lock()
		if l.listener != from { // cut meanwhile
			near.Close()
			far.Close()
		}
		l.conns[near], l.conns[far] = true, true
		l.work.Go(func() { l.pass(near, far) })
		l.work.Go(func() { l.pass(far, near) })
		l.mu.Unlock()
	}
}

// pass hands on what comes, when the line is not silent, until either end hangs up.
func (l *line) pass(to, from net.Conn) {
	defer func() {
		to.Close()
		from.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, to)
		delete(l.conns, from)
	}()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		l.mu.Lock()
		for l.silent {
			l.resumed.Wait()
		}
		l.mu.Unlock()
		if n > 0 {
			_, failed := to.Write(b[:n])
			err = errors.Join(err, failed)
		}
		if err != nil {
			return
		}
	}
}
