package login

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// counter is a server that counts requests.
type counter struct {
	*httptest.Server
	n atomic.Int32
}

func newCounter(t *testing.T, h http.HandlerFunc) *counter {
	c := new(counter)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.n.Add(1)
		h(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

// userClient is c as a user of p to whom tok was given.
func userClient(c *http.Client, p *Provider, md *Metadata, tok *oauth2.Token) *http.Client {
	return newUserClient(c, &Grant{Provider: *p, Metadata: *md, Token: tok}, nil)
}

// grant is one whose Client acts as a user of the API at the URL of c.
func (c *counter) grant(base *http.Client) *Grant {
	p := &Provider{API: []string{c.URL}}
	tok := &oauth2.Token{AccessToken: "ACCESS-CANARY"}
	return &Grant{Provider: *p, Token: tok, Client: userClient(newClient(base, p, ""), p, &Metadata{}, tok)}
}

// T47, C5, G4: no redirect is followed, to wherever it points: neither the code
// and the secret nor the token goes out a second time.
func TestRedirectsRefused(t *testing.T) {
	other := newCounter(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"evil","id":"evil"}`)
	})
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		for name, location := range map[string]string{
			"same host": "/moved", "other host": other.URL + "/x", "other scheme": "https" + other.URL[4:],
			"scheme-relative": other.URL[5:], "backslashes": `/\` + other.URL[7:], "none": "",
		} {
			answer := func(w http.ResponseWriter, r *http.Request) {
				if location != "" {
					w.Header().Set("Location", location)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				io.WriteString(w, `{"access_token":"t","id":"17"}`)
			}
			t.Run(fmt.Sprint(status, " token ", name), func(t *testing.T) {
				s := newTokenHandler(t, answer)
				if _, err := s.exchange(); !errors.Is(err, errRedirected) {
					t.Errorf("got %v, want errRedirected", err)
				}
				if n := s.requests.Load(); n != 1 {
					t.Errorf("got %d requests, want 1", n)
				}
			})
			t.Run(fmt.Sprint(status, " user ", name), func(t *testing.T) {
				s := newCounter(t, answer)
				err := s.grant(s.Client()).Get(t.Context(), "/user", new(any))
				if !errors.Is(err, errRedirected) || !errors.Is(err, ErrProvider) {
					t.Errorf("got %v, want errRedirected", err)
				}
				if n := s.n.Load(); n != 1 {
					t.Errorf("got %d requests, want 1", n)
				}
			})
		}
	}
	if n := other.n.Load(); n != 0 {
		t.Errorf("the other host got %d requests", n)
	}
}

// What is refused is closed as well, or its connection would stay open.
func TestRefusedAnswerClosed(t *testing.T) {
	body := &closable{Reader: strings.NewReader("moved")}
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusFound, Header: http.Header{}, Body: body, Request: r}, nil
	})
	_, err := newClient(&http.Client{Transport: base}, &Provider{}, "").Get("https://provider.example/")
	if !errors.Is(err, errRedirected) || !body.closed {
		t.Errorf("got %v, body closed: %v", err, body.closed)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A function of a provider may put another transport into the client. It still
// follows nothing.
func TestRedirectsNotFollowedByClient(t *testing.T) {
	s := newCounter(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/moved", http.StatusFound) })
	for name, c := range map[string]*http.Client{"client": newClient(nil, &Provider{}, ""), "user client": s.grant(nil).Client} {
		c.Transport = s.Client().Transport
		s.n.Store(0)
		resp, err := c.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusFound || s.n.Load() != 1 {
			t.Errorf("%s: got status %d after %d requests", name, resp.StatusCode, s.n.Load())
		}
	}
}

// recorder is an http.RoundTripper that remembers requests and sends none.
type recorder struct{ requests []*http.Request }

func (rec *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	rec.requests = append(rec.requests, r)
	return fixedAnswer{"application/json", 200, []byte("{}")}.RoundTrip(r)
}

// T49, R13, R77, C6: nothing leaves the machine in the clear.
func TestInsecureRequestsRefused(t *testing.T) {
	tests := []struct {
		url string
		ok  bool
	}{
		{"https://provider.example/token", true},
		{"HTTPS://provider.example/token", true},
		{"http://localhost/", true},
		{"http://localhost:8080/", true},
		{"http://127.0.0.1/", true},
		{"http://127.8.9.10:1/", true},
		{"http://[::1]:1/", true},
		{"http://provider.example/token", false},
		{"http://localhost.provider.example/", false},
		{"http://127.0.0.1.provider.example/", false},
		{"http://localhost@provider.example/", false},
		{"http://localhost./", false},
		{"http://0.0.0.0/", false},
		{"http://[::]/", false},
		{"http://10.0.0.1/", false},
		{"http://169.254.169.254/latest/meta-data/", false},
		{"ws://provider.example/", false},
		{"ftp://localhost/", false},
		{"file:///etc/passwd", false},
		{"//provider.example/token", false},
		{"https:///token", false},
	}
	for _, tt := range tests {
		rec := new(recorder)
		r, err := http.NewRequest("POST", tt.url, strings.NewReader("code=CODE-CANARY"))
		if err != nil {
			t.Fatal(err)
		}
		body := &closable{Reader: r.Body}
		r.Body = body
		resp, err := newClient(&http.Client{Transport: rec}, &Provider{}, "").Do(r)
		if tt.ok {
			if err != nil || len(rec.requests) != 1 {
				t.Errorf("%s: got %v and %d requests", tt.url, err, len(rec.requests))
				continue
			}
			resp.Body.Close()
		} else if !errors.Is(err, errInsecure) || len(rec.requests) != 0 || !body.closed {
			t.Errorf("%s: got %v and %d requests, body closed: %v; want errInsecure and none", tt.url, err, len(rec.requests), body.closed)
		}
	}
}

type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

// T49, C6: certificates are verified, and protocols from before TLS 1.2 refused.
func TestTLSVerified(t *testing.T) {
	newServer := func(c *tls.Config) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			t.Error("a request arrived")
		}))
		s.TLS, s.Config.ErrorLog = c, log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	modern := newServer(nil)
	old := newServer(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	expired := modern.Client().Transport.(*http.Transport).Clone()
	expired.TLSClientConfig.Time = func() time.Time { return time.Now().AddDate(200, 0, 0) }
	tests := []struct {
		name, url string
		base      *http.Client
	}{
		{"self-signed", modern.URL, nil},
		{"wrong host", strings.Replace(modern.URL, "127.0.0.1", "localhost", 1), modern.Client()},
		{"expired", modern.URL, &http.Client{Transport: expired}},
		{"TLS 1.1", old.URL, old.Client()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, err := newClient(tt.base, &Provider{}, "").PostForm(tt.url+"/token", url.Values{"code": {"CODE-CANARY"}})
			if err == nil {
				resp.Body.Close()
				t.Error("got an answer")
			}
		})
	}
}

// C8: an answer of 1 MiB is read; from a larger one comes an error, not its
// first part.
func TestAnswerLimit(t *testing.T) {
	s := newCounter(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscan(r.URL.Query().Get("n"), &n)
		if r.URL.Query().Has("known") {
			w.Header().Set("Content-Length", fmt.Sprint(n))
		}
		for ; n > 0; n -= 1000 {
			if _, err := io.WriteString(w, strings.Repeat("x", min(n, 1000))); err != nil {
				return // the client has hung up, as it should
			}
		}
	})
	c := newClient(s.Client(), &Provider{}, "")
	for _, n := range []int{0, 1, maxAnswer - 1, maxAnswer, maxAnswer + 1, 3 * maxAnswer} {
		for _, query := range []string{"", "&known"} {
			resp, err := c.Get(fmt.Sprint(s.URL, "?n=", n, query))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if n <= maxAnswer && (err != nil || len(b) != n) {
				t.Errorf("%d%s: got %d bytes and %v", n, query, len(b), err)
			}
			if n > maxAnswer && (!errors.Is(err, errTooLarge) || len(b) != maxAnswer) {
				t.Errorf("%d%s: got %d bytes and %v, want errTooLarge", n, query, len(b), err)
			}
			if _, again := resp.Body.Read(make([]byte, 1)); n > maxAnswer && !errors.Is(again, errTooLarge) {
				t.Errorf("%d%s: then got %v, want errTooLarge again", n, query, again)
			}
		}
	}
}

// A few kilobytes that unpack to 20 MiB count as what they unpack to.
func TestGzipBomb(t *testing.T) {
	s := newCounter(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		zeros := make([]byte, 1<<20)
		for range 20 {
			z.Write(zeros)
		}
		z.Close()
	})
	if err := s.grant(s.Client()).Get(t.Context(), "/user", new(any)); !errors.Is(err, errTooLarge) {
		t.Errorf("got %v, want errTooLarge", err)
	}
}

// rawServer answers every connection with text, as it stands, and hangs up.
func rawServer(t *testing.T, text string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, text)
			c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

// T51, C14: answers that are broken below HTTP are errors, which do not quote
// them.
func TestBrokenAnswers(t *testing.T) {
	const canary = "ACCESS-CANARY"
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	tests := []struct{ name, text string }{
		{"nothing", ""},
		{"not HTTP", canary + " " + canary + "\r\n\r\n"},
		{"no status code", "HTTP/1.1 " + canary + "\r\n\r\n"},
		{"not a header", head + canary + "\r\n\r\n"},
		{"unfinished header", head + canary},
		{"bad Content-Length", head + "Content-Length: " + canary + "\r\n\r\n{}"},
		{"two Content-Lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "},
		{"unknown encoding", head + "Transfer-Encoding: " + canary + "\r\n\r\n{}"},
		{"Content-Length too large", head + "Content-Length: 100\r\n\r\n{\"x\":\"" + canary + "\"}"},
		{"Content-Length too small", head + "Connection: close\r\nContent-Length: 5\r\n\r\n{\"x\":\"" + canary + "\"}"},
		{"bad chunk", head + "Transfer-Encoding: chunked\r\n\r\n" + canary + "\r\n"},
		{"missing chunk", head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			transport := new(http.Transport)
			defer transport.CloseIdleConnections()
			s := &counter{Server: &httptest.Server{URL: rawServer(t, tt.text)}}
			err := s.grant(&http.Client{Transport: transport}).Get(t.Context(), "/user?code=CODE-CANARY", new(any))
			if !errors.Is(err, ErrProvider) {
				t.Fatalf("got %v, want ErrProvider", err)
			}
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error quotes the answer: %v", err)
			}
		})
	}
}

// T51, R16, C7: a provider that hangs, or drips, holds nobody up for longer than
// the context allows, and nothing stays behind.
func TestHangingAnswers(t *testing.T) {
	stop := make(chan struct{})
	tests := map[string]http.HandlerFunc{
		"before the header": func(w http.ResponseWriter, r *http.Request) {},
		"after the header":  func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush() },
		"in the body": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"access_token":`)
			w.(http.Flusher).Flush()
		},
		"dripping": func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					io.WriteString(w, " ")
					w.(http.Flusher).Flush()
				case <-r.Context().Done():
					return
				}
			}
		},
	}
	before := runtime.NumGoroutine()
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			h := func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				answer(w, r)
				select {
				case <-r.Context().Done():
				case <-stop:
				}
			}
			s, api := newTokenHandler(t, h), newCounter(t, h)
			for range 5 {
				ctx, c := s.config()
				ctx, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
				if _, err := c.Exchange(ctx, "CODE-CANARY"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("token: got %v, want DeadlineExceeded", err)
				}
				if err := api.grant(api.Client()).Get(ctx, "/user", new(any)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("user: got %v, want DeadlineExceeded", err)
				}
				cancel()
			}
			// Without a context that ends, it is the timeout of the client.
			base := s.Client()
			base.Timeout = 30 * time.Millisecond
			var timeout net.Error
			if _, err := s.exchange(); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("client: got %v, want a timeout", err)
			}
		})
	}
	close(stop)
	awaitGoroutines(t, before)
}

// awaitGoroutines waits until there are no more than n goroutines.
func awaitGoroutines(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(5 * time.Second); ; {
		select {
		case <-tick.C:
			if runtime.NumGoroutine() <= n {
				return
			}
		case <-deadline:
			stacks := make([]byte, 1<<16)
			t.Fatalf("got %d goroutines, want %d:\n%s", runtime.NumGoroutine(), n, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// Answers that are refused, or given up half way, leave no connection and no
// goroutine behind.
func TestNoLeakAfterAborts(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("requests", func(t *testing.T) {
		s := newCounter(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			switch r.URL.Path {
			case "/redirect":
				http.Redirect(w, r, "/x", http.StatusTemporaryRedirect)
			case "/large":
				for range 1 << 11 {
					if _, err := io.WriteString(w, strings.Repeat("x", 1<<10)); err != nil {
						return
					}
				}
			case "/html":
				w.Header().Set("Content-Type", "text/html")
				io.WriteString(w, strings.Repeat("x", 1<<18))
			default:
				w.WriteHeader(http.StatusBadGateway)
				io.WriteString(w, strings.Repeat("x", 1<<18))
			}
		})
		g := s.grant(s.Client())
		for range 10 {
			for _, path := range []string{"/redirect", "/large", "/html", "/fails"} {
				if err := g.Get(t.Context(), path, new(any)); err == nil {
					t.Errorf("%s: got no error", path)
				}
			}
		}
	})
	awaitGoroutines(t, before)
}

// The request says what it wants and who asks, unless somebody else has.
func TestDefaultHeaders(t *testing.T) {
	rec := new(recorder)
	c := newClient(&http.Client{Transport: rec}, &Provider{}, "")
	send := func(header http.Header) http.Header {
		r, _ := http.NewRequest("GET", "https://provider.example/", nil)
		r.Header = header
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return rec.requests[len(rec.requests)-1].Header
	}
	mine := http.Header{}
	got := send(mine)
	if got.Get("Accept") != "application/json" || got.Get("User-Agent") != userAgent {
		t.Errorf("got %v", got)
	}
	if len(mine) != 0 {
		t.Errorf("the caller's header was changed: %v", mine)
	}
	got = send(http.Header{"Accept": {"application/jwt"}, "User-Agent": {"app/2"}})
	if got.Get("Accept") != "application/jwt" || got.Get("User-Agent") != "app/2" {
		t.Errorf("got %v", got)
	}
}

// Of Config.Client the transport is used, and a timeout if it is below ours; not
// its jar, and not its policy for redirects.
func TestClientBounds(t *testing.T) {
	tests := []struct{ have, want time.Duration }{
		{0, providerTimeout}, {time.Second, time.Second}, {time.Hour, providerTimeout}, {-time.Second, providerTimeout},
	}
	for _, tt := range tests {
		rec := new(recorder)
		base := &http.Client{
			Timeout: tt.have, Transport: rec, Jar: panickyJar{},
			CheckRedirect: func(*http.Request, []*http.Request) error { panic("asked") },
		}
		p := &Provider{API: []string{"https://provider.example"}}
		c := newClient(base, p, "")
		user := userClient(c, p, &Metadata{}, new(oauth2.Token))
		if c.Timeout != tt.want || user.Timeout != tt.want {
			t.Errorf("%v: got timeouts %v and %v, want %v", tt.have, c.Timeout, user.Timeout, tt.want)
		}
		for _, c := range []*http.Client{c, user} {
			resp, err := c.Get("https://provider.example/")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		if len(rec.requests) != 2 {
			t.Errorf("%v: got %d requests through the transport, want 2", tt.have, len(rec.requests))
		}
	}
	if c := newClient(nil, &Provider{}, ""); c.Timeout != providerTimeout {
		t.Errorf("got timeout %v, want %v", c.Timeout, providerTimeout)
	}
}

type panickyJar struct{}

func (panickyJar) SetCookies(*url.URL, []*http.Cookie) { panic("a cookie") }
func (panickyJar) Cookies(*url.URL) []*http.Cookie     { panic("a cookie") }

// R11, R73, G1: the token goes to the origins of the API, and nowhere else.
func TestTokenOrigins(t *testing.T) {
	p := &Provider{API: []string{"https://api.example/v3", "https://Uploads.Example:8443", "http://127.0.0.1:9000", "https://[2001:db8::1]"}}
	md := &Metadata{UserInfoURL: "https://op.example/userinfo?x=1"}
	tests := []struct {
		url  string
		want bool
	}{
		{"https://api.example/v3/user", true},
		{"https://api.example/elsewhere", true},
		{"https://api.example", true},
		{"https://API.EXAMPLE/user", true},
		{"HTTPS://api.example/user", true},
		{"https://api.example:443/user", true},
		{"https://api.example:/user", true},
		{"https://uploads.example:8443/", true},
		{"http://127.0.0.1:9000/", true},
		{"https://[2001:db8::1]/", true},
		{"https://[2001:DB8::1]:443/", true},
		{"https://op.example/other", true},
		{"https://user:password@api.example/", true}, // the token, not the password
		{"http://api.example/user", false},
		{"http://api.example:443/user", false},
		{"https://api.example:80/", false},
		{"https://api.example:8443/", false},
		{"https://uploads.example/", false},
		{"https://127.0.0.1:9000/", false},
		{"http://127.0.0.1/", false},
		{"http://localhost:9000/", false},
		{"https://[2001:db8::2]/", false},
		{"https://api.example./", false},
		{"https://api.example.evil.example/", false},
		{"https://evil-api.example/", false},
		{"https://sub.api.example/", false},
		{"https://example/", false},
		{"https://api.exampl\u0435/", false}, // a Cyrillic letter
		{"https://api.example@evil.example/", false},
		{"https://api.example:443@evil.example/", false},
		{"https://evil.example/https://api.example/", false},
		{"https://evil.example/?https://api.example/", false},
		{"https://evil.example#@api.example/", false},
		{"//api.example/user", false},
		{"//evil.example/x", false},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			rec := new(recorder)
			u := userClient(&http.Client{Transport: rec}, p, md, &oauth2.Token{AccessToken: "ACCESS-CANARY"})
			r, err := http.NewRequest("GET", tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := u.Do(r); err == nil {
				resp.Body.Close()
			}
			for _, sent := range rec.requests {
				got := sent.Header.Get("Authorization")
				if (got == "Bearer ACCESS-CANARY") != tt.want {
					t.Errorf("got Authorization %q", got)
				}
				if strings.Contains(sent.URL.String(), "CANARY") {
					t.Errorf("the token is in the URL %q", sent.URL)
				}
			}
			if tt.want && len(rec.requests) != 1 {
				t.Errorf("got %d requests, want 1", len(rec.requests))
			}
			if r.Header.Get("Authorization") != "" {
				t.Error("the caller's request was changed")
			}
		})
	}
}

// R11: a provider may attach the token in its own way.
func TestAuthorizeHook(t *testing.T) {
	rec := new(recorder)
	p := &Provider{API: []string{"https://api.example"}, Authorize: func(r *http.Request, g *Grant) {
		r.Header.Set("Authorization", "token "+g.Token.AccessToken)
	}}
	c := userClient(&http.Client{Transport: rec}, p, &Metadata{}, &oauth2.Token{AccessToken: "ACCESS-CANARY"})
	for _, u := range []string{"https://api.example/", "https://evil.example/"} {
		resp, err := c.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if got := rec.requests[0].Header.Get("Authorization"); got != "token ACCESS-CANARY" {
		t.Errorf("got Authorization %q", got)
	}
	if got := rec.requests[1].Header.Get("Authorization"); got != "" {
		t.Errorf("got Authorization %q for another origin", got)
	}
}

// Once OnLogin has removed the token, nothing is sent with it any more.
func TestRemovedToken(t *testing.T) {
	rec := new(recorder)
	g := &Grant{Provider: Provider{API: []string{"https://api.example"}}, Token: &oauth2.Token{AccessToken: "ACCESS-CANARY"}}
	g.Client = newUserClient(&http.Client{Transport: rec}, g, nil)
	g.Token = nil
	if err := g.Get(t.Context(), "/user", new(any)); err != nil {
		t.Fatal(err)
	}
	if got := rec.requests[0].Header.Get("Authorization"); got != "" {
		t.Errorf("got Authorization %q", got)
	}
}

// R73: relative URLs are below the base, whether or not it ends in a slash, and
// stay on its host.
func TestRelativeURLs(t *testing.T) {
	tests := []struct{ base, url, want string }{
		{"https://h.example", "user", "https://h.example/user"},
		{"https://h.example", "/user", "https://h.example/user"},
		{"https://h.example/", "/user", "https://h.example/user"},
		{"https://h.example/api", "user", "https://h.example/api/user"},
		{"https://h.example/api", "/user", "https://h.example/api/user"},
		{"https://h.example/api/", "user", "https://h.example/api/user"},
		{"https://h.example/api/", "/user", "https://h.example/api/user"},
		{"https://h.example/api", "user/", "https://h.example/api/user/"},
		{"https://h.example/api", "user?per_page=100&x=a%2Fb+c", "https://h.example/api/user?per_page=100&x=a%2Fb+c"},
		{"https://h.example/api", "?x=1", "https://h.example/api?x=1"},
		{"https://h.example/api", "a%2Fb", "https://h.example/api/a%2Fb"},
		{"https://h.example/api", "a%3Fb", "https://h.example/api/a%3Fb"},
		{"https://h.example/a%2Fb", "c", "https://h.example/a%2Fb/c"},
		{"https://h.example/api", "../user", "https://h.example/user"},
		{"https://h.example/api", "../../../user", "https://h.example/user"},
		{"https://h.example/api", "./user", "https://h.example/api/user"},
		{"https://h.example/api", "user//x", "https://h.example/api/user/x"},
		{"https://h.example/api", "@evil.example/x", "https://h.example/api/@evil.example/x"},
		{"https://h.example", "@evil.example/x", "https://h.example/@evil.example/x"},
		{"https://h.example", ".evil.example/x", "https://h.example/.evil.example/x"},
		{"https://h.example:8443/api", "user", "https://h.example:8443/api/user"},
	}
	for _, tt := range tests {
		rec := new(recorder)
		p := &Provider{API: []string{tt.base, "https://second.example"}}
		g := &Grant{Client: userClient(newClient(&http.Client{Transport: rec}, p, ""), p, &Metadata{}, &oauth2.Token{AccessToken: "ACCESS-CANARY"})}
		if err := g.Get(t.Context(), tt.url, new(any)); err != nil {
			t.Errorf("%s and %s: %v", tt.base, tt.url, err)
			continue
		}
		r := rec.requests[0]
		if r.URL.String() != tt.want || r.URL.Host != strings.Split(tt.want, "/")[2] {
			t.Errorf("%s and %s: got %s, want %s", tt.base, tt.url, r.URL, tt.want)
		}
		if r.Header.Get("Authorization") != "Bearer ACCESS-CANARY" {
			t.Errorf("%s and %s: the token is missing", tt.base, tt.url)
		}
	}
}

// What is not relative is not joined, and goes nowhere with the token.
func TestForeignURLs(t *testing.T) {
	for _, api := range [][]string{nil, {"https://h.example/api"}} {
		for _, raw := range []string{"//evil.example/x", `/\evil.example/x`, "https://evil.example/x", "http://evil.example/x", "mailto:a@evil.example", "evil.example:443"} {
			rec := new(recorder)
			p := &Provider{API: api}
			g := &Grant{Client: userClient(newClient(&http.Client{Transport: rec}, p, ""), p, &Metadata{}, &oauth2.Token{AccessToken: "ACCESS-CANARY"})}
			err := g.Get(t.Context(), raw, new(any))
			for _, r := range rec.requests {
				if r.URL.Host != "h.example" && (r.Header.Get("Authorization") != "" || r.URL.Scheme != "https") {
					t.Errorf("%s: sent %s with %v", raw, r.URL, r.Header)
				}
			}
			if len(rec.requests) == 0 && err == nil {
				t.Errorf("%s: got neither a request nor an error", raw)
			}
		}
	}
	// Without an API there is nothing that a relative URL could be relative to,
	// the address of the user's data neither.
	rec := new(recorder)
	p, md := new(Provider), &Metadata{UserInfoURL: "https://op.example/userinfo"}
	g := &Grant{Client: userClient(newClient(&http.Client{Transport: rec}, p, ""), p, md, new(oauth2.Token))}
	if err := g.Get(t.Context(), "/user", new(any)); err == nil || len(rec.requests) != 0 {
		t.Errorf("got %v and %d requests", err, len(rec.requests))
	}
}

// C14, G4: Get takes JSON only, and its errors hold neither the answer nor the
// query.
func TestGet(t *testing.T) {
	const canary = `"BODY-CANARY"`
	tests := []struct {
		name        string
		status      int
		contentType string
		body        string
		want        string // in the error; "": none
	}{
		{"JSON", 200, "application/json", `{"id":"17"}`, ""},
		{"JSON with parameters", 200, `Application/JSON; charset="utf-8"`, `{"id":"17"}`, ""},
		{"JSON by suffix", 200, "application/hal+json", `{"id":"17"}`, ""},
		{"javascript", 200, "text/javascript; charset=UTF-8", `{"id":"17"}`, ""},
		{"status 206", 206, "application/json", `{"id":"17"}`, ""},
		{"status 304", 304, "application/json", ``, "have 304"},
		{"status 401", 401, "application/json", canary, "have 401"},
		{"status 500", 500, "text/html", canary, "have 500"},
		{"HTML", 200, "text/html", canary, "another content type"},
		{"text", 200, "text/plain", canary, "another content type"},
		{"no type", 200, "", canary, "another content type"},
		{"broken type", 200, "json;;=", `{"id":"17"}`, ""},
		{"endless type", 200, "text/" + strings.Repeat("x", 100000), canary, "have"},
		{"not JSON", 200, "application/json", `{BODY-CANARY`, "not the JSON"},
		{"another type", 200, "application/json", `{"id":[` + canary + `]}`, "not the JSON"},
		{"large number", 200, "application/json", `{"number":123456789}`, "not the JSON"},
		{"trailing bytes", 200, "application/json", `{"id":"17"} ` + canary, "not the JSON"},
		{"empty", 200, "application/json", ``, "not the JSON"},
		{"number for a string", 200, "application/json", `{"id":7}`, "not the JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newCounter(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Type"] = []string{tt.contentType}
				w.WriteHeader(tt.status)
				if tt.status != 304 {
					io.WriteString(w, tt.body)
				}
			})
			var v struct {
				ID     string
				Number int8
			}
			err := s.grant(s.Client()).Get(t.Context(), "/user?code=CODE-CANARY", &v)
			if tt.want == "" {
				if err != nil || v.ID != "17" {
					t.Errorf("got %+v, %v", v, err)
				}
				return
			}
			if !errors.Is(err, ErrProvider) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "/user") {
				t.Fatalf("got %v, want ErrProvider and %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "12345") || len(err.Error()) > 300 {
				t.Errorf("got error %q", err)
			}
		})
	}
}

// Requests that are never sent make errors without their query, too.
func TestGetErrors(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	g := (&counter{Server: &httptest.Server{URL: closed.URL}}).grant(nil)
	for _, raw := range []string{
		"/x?code=CODE-CANARY", "http://evil.example/?code=CODE-CANARY", "https://user:CODE-CANARY@127.0.0.1:1/",
		":?code=CODE-CANARY", "/x\x7f?code=CODE-CANARY", "http://[::1?code=CODE-CANARY", "/x#CODE-CANARY",
	} {
		err := g.Get(t.Context(), raw, new(any))
		if !errors.Is(err, ErrProvider) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q: got %v", raw, err)
		}
	}
}

// C14, T43: a trailer that is none is not quoted, though net/http quotes it.
func TestBrokenTrailer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.Read(make([]byte, 4096))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nQUOTED words\r\n\r\n")
	}()
	base := "http://" + l.Addr().String()
	p := &Provider{API: []string{base}}
	g := &Grant{Provider: *p, Client: userClient(newClient(nil, p, ""), p, &Metadata{}, new(oauth2.Token))}
	if err := g.Get(t.Context(), "/user", new(any)); err == nil || strings.Contains(err.Error(), "QUOTED") || !errors.Is(err, errNotHTTP) {
		t.Errorf("got %v", err)
	}
}
