package login_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A fault is a way in which a host misbehaves: one of dial, raw, tls and answer.
type fault struct {
	name   string
	dial   func(context.Context) error // instead of a connection
	raw    func(*conn)                 // instead of TLS
	tls    *tls.Config                 // instead of the right one
	answer http.HandlerFunc            // instead of the right one

	status  int           // what people get then
	took    time.Duration // until then
	lingers bool          // until dialTimeout
	most    int           // bytes of the answer that are read, if more than 1.5 MiB
}

// requests is how many arrive where the fault is.
func (f *fault) requests() int {
	if f.answer != nil {
		return 1
	}
	return 0
}

const (
	patience = 10 * time.Second // as documented, with any provider

	// As those of http.DefaultTransport. An http.Transport goes on connecting when
	// the request that wanted it has given up.
	dialTimeout      = 30 * time.Second
	handshakeTimeout = 10 * time.Second
)

func dialError(err error) func(context.Context) error {
	return func(context.Context) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
}

func unreachable() []fault {
	cert := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	ca := authority()
	old := cert(ca.good)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	return []fault{
		{name: "connection refused", status: 502, dial: dialError(syscall.ECONNREFUSED)},
		{name: "no such host", status: 502, dial: dialError(&net.DNSError{Err: "no such host", IsNotFound: true})},
		{name: "name server fails", status: 502, dial: dialError(&net.DNSError{Err: "server misbehaving", IsTemporary: true})},
		{name: "name server silent", status: 504, dial: dialError(&net.DNSError{Err: "i/o timeout", IsTimeout: true})},
		{name: "connecting hangs", status: 504, took: patience, lingers: true, dial: func(context.Context) error {
			time.Sleep(dialTimeout)
			return &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
		}},
		{name: "handshake hangs", status: 504, took: patience, raw: func(c *conn) { io.Copy(io.Discard, c) }},
		{name: "hangs up at once", status: 502, raw: func(c *conn) {}},
		{name: "reset at once", status: 502, raw: (*conn).reset},
		{name: "not TLS", status: 502, raw: func(c *conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n") }},
		{name: "certificate self-signed", status: 502, tls: cert(ca.selfSigned)},
		{name: "certificate of another host", status: 502, tls: cert(ca.foreign)},
		{name: "certificate expired", status: 502, tls: cert(ca.expired)},
		{name: "certificate not yet valid", status: 502, tls: cert(ca.early)},
		{name: "TLS 1.0", status: 502, tls: old},
	}
}

// raw answers with text, as it stands, and leaves the connection to then.
func raw(text string, then func(net.Conn, *conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer c.Close()
		io.WriteString(c, text)
		then(c, c.(*tls.Conn).NetConn().(*conn))
	}
}

func hang(c net.Conn, _ *conn)  { io.Copy(io.Discard, c) }
func reset(_ net.Conn, c *conn) { c.reset() }
func hangUp(net.Conn, *conn)    {}

// repeat sends text until the other side has had enough, with pauses.
func repeat(text string, pause time.Duration) func(net.Conn, *conn) {
	return func(c net.Conn, below *conn) {
		for {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
			if pause == 0 {
				continue
			}
			below.SetReadDeadline(time.Now().Add(pause))
			if _, err := below.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				return // the other side has left, or says so
			}
		}
	}
}

func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		io.WriteString(w, `{"error":"some_code","error_description":"WORDS-CANARY"}`)
	}
}

// bomb is 16 MiB, packed into 80 KiB.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	for range 16 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	return b.Bytes()
})

const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

func broken() []fault {
	spaces := strings.Repeat(" ", 1<<14)
	chunk := "4000\r\n" + spaces + "\r\n"
	return []fault{
		{name: "header hangs", status: 504, took: patience, answer: raw("", hang)},
		{name: "half a header hangs", status: 504, took: patience, answer: raw(head, hang)},
		{name: "a byte of header per second", status: 504, took: patience, answer: raw(head+"X-Slow: ", repeat("x", time.Second))},
		{name: "endless header", status: 502, most: 11 << 20 /* net/http reads 10 */, answer: raw(head+"X-Endless: ", repeat(spaces, 0))},
		{name: "reset in the header", status: 502, answer: raw(head+"X-Half", reset)},
		{name: "hangs up in the header", status: 502, answer: raw(head+"X-Half", hangUp)},
		{name: "nothing, then reset", status: 502, answer: raw("", reset)},
		{name: "nothing, then hangs up", status: 502, answer: raw("", hangUp)},
		{name: "body hangs", status: 504, took: patience, answer: raw(head+"Content-Length: 100\r\n\r\n{", hang)},
		{name: "a byte of body per second", status: 504, took: patience, answer: raw(head+"Content-Length: 10000\r\n\r\n", repeat(" ", time.Second))},
		{name: "a chunk of body per second", status: 504, took: patience, answer: raw(head+"Transfer-Encoding: chunked\r\n\r\n", repeat("1\r\n \r\n", time.Second))},
		{name: "endless body", status: 502, answer: raw(head+"\r\n", repeat(spaces, 0))},
		{name: "endless chunks", status: 502, answer: raw(head+"Transfer-Encoding: chunked\r\n\r\n", repeat(chunk, 0))},
		{name: "reset in the body", status: 502, answer: raw(head+"Content-Length: 100\r\n\r\n{", reset)},
		{name: "hangs up in the body", status: 502, answer: raw(head+"Content-Length: 100\r\n\r\n{", hangUp)},
		{name: "hangs up between chunks", status: 502, answer: raw(head+"Transfer-Encoding: chunked\r\n\r\n"+chunk, hangUp)},
		{name: "chunk cut off", status: 502, answer: raw(head+"Transfer-Encoding: chunked\r\n\r\n1000\r\n{", hangUp)},
		{name: "large body", status: 502, answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "11000000")
			w.Write(make([]byte, 11000000))
		}},
		{name: "gzip bomb", status: 502, answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb())
		}},
		{name: "429", status: 502, answer: status(429, "Retry-After", "3600")},
		{name: "500", status: 502, answer: status(500, "Content-Type", "application/json")},
		{name: "503", status: 502, answer: status(503, "Retry-After", "120", "Content-Type", "text/html")},
		{name: "404", status: 502, answer: http.NotFound},
		{name: "captive portal", status: 502, answer: status(200, "Content-Type", "text/html")},
	}
}

// faults are all but redirects, or those of the given names.
func faults(names ...string) []fault {
	return slices.DeleteFunc(append(unreachable(), broken()...), func(f fault) bool {
		return len(names) > 0 && !slices.Contains(names, f.name)
	})
}

// redirects point from h elsewhere: within the host, away from it, out of TLS.
func redirects(h string) []fault {
	var all []fault
	for _, code := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"same host": "/moved", "other host": "https://" + evilHost + "/moved", "out of TLS": "http://" + h + "/moved",
			"relative to the scheme": "//" + evilHost + "/moved", "backslash": `/\` + evilHost + "/moved", "nowhere": "",
		} {
			all = append(all, fault{
				name: fmt.Sprint(code, " ", name), status: 502,
				answer: func(w http.ResponseWriter, r *http.Request) {
					if location != "" {
						w.Header().Set("Location", location)
					}
					status(code, "Content-Type", "application/json")(w, r)
				},
			})
		}
	}
	return all
}
