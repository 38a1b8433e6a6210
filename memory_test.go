package login_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A pipe is one direction of a connection in memory. All of its waiting is of the
// kind that testing/synctest sees through.
type pipe struct {
	mu       sync.Mutex
	changed  *sync.Cond
	buf      []byte
	taken    int   // bytes, so far
	err      error // once it is closed
	deadline time.Time
}

func newPipe() *pipe {
	p := new(pipe)
	p.changed = sync.NewCond(&p.mu)
	return p
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.buf) == 0 {
		if p.err != nil {
			return 0, p.err
		}
		if !p.deadline.IsZero() && !time.Now().Before(p.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		p.changed.Wait()
	}
	n := copy(b, p.buf)
	p.buf, p.taken = p.buf[n:], p.taken+n
	p.changed.Broadcast()
	return n, nil
}

func (p *pipe) write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil && len(p.buf) > 1<<16 {
		p.changed.Wait()
	}
	if p.err != nil {
		return 0, syscall.EPIPE
	}
	p.buf = append(p.buf, b...)
	p.changed.Broadcast()
	return len(b), nil
}

// close makes reads fail with err, after what was written or at once.
func (p *pipe) close(err error, atOnce bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if atOnce {
		p.buf = nil
	}
	if p.err == nil || atOnce {
		p.err = err
	}
	p.changed.Broadcast()
}

// A conn is one end of a connection in memory.
type conn struct{ in, out *pipe }

func (c *conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }

func (c *conn) Close() error {
	c.in.close(net.ErrClosed, true)
	c.out.close(io.EOF, false)
	return nil
}

// reset is what a TCP packet with RST does to both ends.
func (c *conn) reset() {
	err := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	c.in.close(err, true)
	c.out.close(err, true)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.deadline = t
	c.in.changed.Broadcast()
	if !t.IsZero() {
		time.AfterFunc(time.Until(t), c.in.changed.Broadcast)
	}
	return nil
}

func (c *conn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
func (c *conn) LocalAddr() net.Addr              { return address("memory") }
func (c *conn) RemoteAddr() net.Addr             { return address("memory") }

type address string

func (address) Network() string  { return "memory" }
func (a address) String() string { return string(a) }

// A host serves TLS on port 443 of a network in memory.
type host struct {
	name    string
	healthy http.HandlerFunc
	conns   chan net.Conn
	closed  chan struct{}

	mu       sync.Mutex
	fault    *fault
	ends     []*conn // the server's ends, the latest last
	dials    int     // connections that were asked for
	plain    int     // of these, to other ports
	requests int
	serving  int // requests, connections without any, and attempts at one
}

func (h *host) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *host) Close() error   { close(h.closed); return nil }
func (h *host) Addr() net.Addr { return address(h.name) }

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.requests++
	h.serving++
	f := h.fault
	h.mu.Unlock()
	defer h.done()
	if f != nil && f.answer != nil && r.URL.Path != "/moved" {
		io.Copy(io.Discard, r.Body) // or the server does not notice that the client leaves
		f.answer(w, r)
		if r.Context().Err() != nil { // the client has gone, and nothing more must reach it
			panic(http.ErrAbortHandler)
		}
		return
	}
	h.healthy(w, r)
}

func (h *host) done() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serving--
}

func (h *host) seen() (requests, dials int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.requests, h.dials
}

// taken is how many bytes of h were read.
func (h *host) taken() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.ends {
		c.out.mu.Lock()
		n += c.out.taken
		c.out.mu.Unlock()
	}
	return n
}

// dial is a connection to h as the fault has it.
func (h *host) dial(ctx context.Context, port string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dials++
	if port != "443" {
		h.plain++
		return nil, syscall.ECONNREFUSED
	}
	f := h.fault
	if f == nil {
		f = new(fault)
	}
	if f.dial != nil {
		h.serving++
		h.mu.Unlock()
		err := f.dial(ctx)
		h.mu.Lock()
		h.serving--
		return nil, err
	}
	here, there := newPipe(), newPipe()
	server := &conn{there, here}
	h.ends = append(h.ends, server)
	if f.raw != nil {
		h.serving++
		go func() {
			defer h.done()
			f.raw(server)
			server.Close()
		}()
	} else {
		config := &tls.Config{Certificates: []tls.Certificate{authority().good}, NextProtos: []string{"h2", "http/1.1"}}
		if f.tls != nil {
			config = f.tls
		}
		h.conns <- tls.Server(server, config)
	}
	return &conn{here, there}, nil
}

// set makes h misbehave, or behave again if f is nil.
func (h *host) set(f *fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = f
	if f != nil && f.answer == nil { // a host that cannot be reached has lost its connections, too
		for _, c := range h.ends {
			c.reset()
		}
	}
}

// A network is a set of hosts. Beside them there is nothing.
type network map[string]*host

func newNetwork(t testing.TB, healthy map[string]http.HandlerFunc) network {
	n := make(network)
	for name, handler := range healthy {
		h := &host{name: name, healthy: handler, conns: make(chan net.Conn, 8), closed: make(chan struct{})}
		n[name] = h
		server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
		go server.Serve(h)
		t.Cleanup(func() { server.Close() })
	}
	return n
}

func (n network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if h := n[name]; h != nil {
		return h.dial(ctx, port)
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// counts are the requests that arrived, by host; those to other ports than that of
// https are there as "http".
func (n network) counts() map[string]int {
	all := map[string]int{}
	for name, h := range n {
		h.mu.Lock()
		if h.requests > 0 {
			all[name] = h.requests
		}
		if h.plain > 0 {
			all["http"] += h.plain
		}
		h.mu.Unlock()
	}
	return all
}

// busy counts what the hosts are still at.
func (n network) busy() int {
	all := 0
	for _, h := range n {
		h.mu.Lock()
		all += h.serving
		h.mu.Unlock()
	}
	return all
}
