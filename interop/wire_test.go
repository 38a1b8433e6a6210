package interop_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A wire is a connection to a server that keeps the bytes that come: net/http reads
// headers in its own way, and browsers in theirs.
type wire struct {
	t    *testing.T
	addr string
	conn net.Conn
	in   *bufio.Reader
	raw  bytes.Buffer // of the last answer
}

func newWire(t *testing.T, addr string) *wire {
	w := &wire{t: t, addr: addr}
	t.Cleanup(w.hangUp)
	return w
}

func (w *wire) hangUp() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

// A wireAnswer is an answer, and its header lines as they came, without the status.
type wireAnswer struct {
	*http.Response
	lines [][]byte
}

// send sends a request with exactly this target.
func (w *wire) send(method, target string, header ...string) wireAnswer {
	w.t.Helper()
	if w.conn == nil {
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			w.t.Fatal(err)
		}
		deadline, _ := bounded(w.t).Deadline()
		conn.SetDeadline(deadline)
		w.conn, w.in = conn, bufio.NewReader(io.TeeReader(conn, &w.raw))
	}
	w.raw.Reset()
	header = append(header, "Host: "+w.addr, "", "")
	fmt.Fprintf(w.conn, "%s %s HTTP/1.1\r\n%s", method, target, strings.Join(header, "\r\n"))
	response, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%s %q: %v", method, target, err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		w.t.Fatalf("%s %q: %v", method, target, err)
	}
	if response.Close {
		w.hangUp()
	}
	head, _, _ := bytes.Cut(w.raw.Bytes(), []byte("\r\n\r\n"))
	return wireAnswer{response, bytes.Split(bytes.Clone(head), []byte("\r\n"))[1:]}
}

// location returns the bytes of the Location of a redirect. It is an error if there
// is not exactly one, or a header line that no redirect of ours has: then a path has
// broken out of its own.
func (a wireAnswer) location() ([]byte, error) {
	if a.StatusCode != http.StatusSeeOther {
		return nil, fmt.Errorf("got status %d, want 303", a.StatusCode)
	}
	usual := []string{"cache-control", "content-length", "date", "referrer-policy", "set-cookie", "vary"}
	var found [][]byte
	for _, line := range a.lines {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch key := strings.ToLower(string(name)); {
		case key == "location":
			found = append(found, bytes.Trim(value, " \t"))
		case !slices.Contains(usual, key), key == "set-cookie" && !bytes.HasPrefix(value, []byte(" login-")):
			return nil, fmt.Errorf("got the header line %q", line)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("got %d Location headers, want 1", len(found))
	}
	return found[0], nil
}
