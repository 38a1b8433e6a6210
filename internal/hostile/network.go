package hostile

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Network connects clients with servers by name, in memory, so that it can be
// used within testing/synctest. Whatever is sent by plain http reaches the thief,
// who listens there.
type Network struct {
	Thief *Thief

	authority authority

	mu      sync.Mutex
	servers map[string]*pipeListener
	running []*http.Server
}

// ThiefHost is where the thief has a server of his own.
const ThiefHost = "thief.example"

// NewNetwork returns a network with nobody on it but the thief.
func NewNetwork() *Network {
	n := &Network{Thief: new(Thief), authority: newAuthority(), servers: make(map[string]*pipeListener)}
	n.Serve(ThiefHost, n.Thief)
	n.Serve(Host+"."+ThiefHost, n.Thief)
	n.listen(":80", n.Thief, func(l net.Listener) net.Listener { return l })
	return n
}

// Serve lets h answer for https://host.
func (n *Network) Serve(host string, h http.Handler) {
	n.listen(host+":443", h, func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{n.authority.certificate(host)}})
	})
}

func (n *Network) listen(addr string, h http.Handler, wrap func(net.Listener) net.Listener) {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers[addr] = l
	n.running = append(n.running, s)
	go s.Serve(wrap(l))
}

// Transport returns a transport whose connections lead into n.
func (n *Network) Transport() *http.Transport {
	return &http.Transport{
		DialContext:         n.dial,
		TLSClientConfig:     &tls.Config{RootCAs: n.authority.pool()},
		TLSHandshakeTimeout: 10 * time.Second,
	}
}

func (n *Network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.servers[strings.ToLower(addr)]
	if _, port, _ := net.SplitHostPort(addr); port == "80" {
		l = n.servers[":80"]
	}
	n.mu.Unlock()
	if l == nil {
		host, _, _ := net.SplitHostPort(addr)
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return l.connect(ctx)
}

// Close stops all servers and closes all connections.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.running {
		s.Close()
	}
}

// pipeListener is a net.Listener for connections within this process.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) connect(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// An authority signs the certificates of the hosts. They are valid from 1999,
// because the clock of testing/synctest starts in 2000.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	a := authority{&x509.Certificate{}, key}
	a.cert, err = x509.ParseCertificate(a.sign(&x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}))
	if err != nil {
		panic(err)
	}
	return a
}

func (a authority) sign(c *x509.Certificate) []byte {
	c.SerialNumber = big.NewInt(1)
	c.NotBefore = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	c.NotAfter = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	parent := a.cert
	if c.IsCA {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, a.key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	return der
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a authority) certificate(host string) tls.Certificate {
	der := a.sign(&x509.Certificate{DNSNames: []string{host}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}
