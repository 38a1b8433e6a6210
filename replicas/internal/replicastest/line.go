package replicastest

import (
	"net"
	"net/url"
	"sync/atomic"
	"testing"
)

// A Line leads to an engine until it falls silent: then connections stay, and can be
// made, but nothing comes or goes on them any more, not even when new ones do work.
type Line struct {
	target string
	works  atomic.Pointer[atomic.Bool] // for those that are made now
}

// NewLine returns a line to the engine at the address u, and the address to use instead.
func NewLine(t *testing.T, u string) (l *Line, via string) {
	t.Helper()
	address, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	l = &Line{target: address.Host}
	l.Speak()
	go l.accept(listener)
	address.Host = listener.Addr().String()
	return l, address.String()
}

// Silence makes all connections of l useless for ever, and those that are made until
// Speak is called.
func (l *Line) Silence() { l.works.Load().Store(false) }

// Speak makes new connections work.
func (l *Line) Speak() {
	works := new(atomic.Bool)
	works.Store(true)
	l.works.Store(works)
}

func (l *Line) accept(listener net.Listener) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.target)
		if err != nil {
			near.Close()
			continue
		}
		works := l.works.Load()
		go pass(near, far, works)
		go pass(far, near, works)
	}
}

// pass hands on what comes, or swallows it, until either end hangs up.
func pass(to, from net.Conn, works *atomic.Bool) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if works.Load() {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
