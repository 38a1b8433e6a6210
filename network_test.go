package login_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
)

// A step is an endpoint that a login needs, in the order of the requests.
type step struct{ host, reason string }

func steps(kind string) []step {
	if kind == "plain" {
		return []step{{tokenHost, "exchange_failed"}, {userInfoHost, "identify_failed"}}
	}
	return []step{
		{issuerHost, "discovery_failed"}, {tokenHost, "exchange_failed"},
		{keysHost, "identify_failed"}, {userInfoHost, "identify_failed"},
	}
}

// T47, T49, T51, C5, C7, C8, E11, F5, G4: whatever a provider, or the network on the
// way to it, does at whichever endpoint: people get a page with a way to try again,
// within ten seconds, and no session; nothing is asked twice, or anywhere else; no
// connection stays busy; and when the fault is over, so is its effect. A goroutine
// left behind fails the test by itself.
func TestNetworkFaults(t *testing.T) {
	for _, kind := range []string{"oidc", "plain"} {
		for i, at := range steps(kind) {
			for _, f := range append(faults(), redirects(at.host)...) {
				t.Run(kind+"/"+at.host+"/"+f.name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { newScene(t, kind).endures(&f, steps(kind)[:i], at) })
				})
			}
		}
	}
}

// T47, T51: the same over HTTP/2, where it is streams that hang and are reset, and
// where net/http may send a request again by itself.
func TestNetworkFaultsHTTP2(t *testing.T) {
	for i, at := range steps("oidc") {
		for _, f := range append(streams(), redirects(at.host)[:6]...) {
			t.Run(at.host+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newScene(t, "oidc", func(c *login.Config) { c.Client.Transport.(*http.Transport).ForceAttemptHTTP2 = true })
					answer := f.answer
					f.answer = func(w http.ResponseWriter, r *http.Request) {
						if r.ProtoMajor != 2 {
							t.Errorf("got a request by %s, want HTTP/2", r.Proto)
						}
						answer(w, r)
					}
					s.endures(&f, steps("oidc")[:i], at)
				})
			})
		}
	}
}

// streams are the faults of broken as HTTP/2 has them.
func streams() []fault {
	begin := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{")
		w.(http.Flusher).Flush()
	}
	return []fault{
		{name: "header hangs", status: 504, took: patience, answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{name: "body hangs", status: 504, took: patience, answer: func(w http.ResponseWriter, r *http.Request) {
			begin(w)
			<-r.Context().Done()
		}},
		{name: "a byte of body per second", status: 504, took: patience, answer: func(w http.ResponseWriter, r *http.Request) {
			for tick := time.Tick(time.Second); r.Context().Err() == nil; {
				begin(w)
				select {
				case <-tick:
				case <-r.Context().Done():
				}
			}
		}},
		{name: "endless body", status: 502, most: 6 << 20 /* the window of a stream has 4 */, answer: func(w http.ResponseWriter, r *http.Request) {
			for begin(w); r.Context().Err() == nil; {
				w.Write(bytes.Repeat([]byte(" "), 1<<14))
			}
		}},
		{name: "reset in the header", status: 502, answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{name: "reset in the body", status: 502, answer: func(w http.ResponseWriter, _ *http.Request) {
			begin(w)
			panic(http.ErrAbortHandler)
		}},
		{name: "503", status: 502, answer: status(503, "Retry-After", "120")},
	}
}

// endures is a login that fails because f is at one of its steps, and another when
// it is over.
func (s *scene) endures(f *fault, before []step, at step) {
	s.t.Helper()
	h := s.network[at.host]
	h.set(f)
	want := map[string]int{}
	for _, step := range before {
		want[step.host] = 1
	}
	if n := f.requests(); n > 0 {
		want[at.host] = n
	}
	b := s.browser("ada")
	s.fails(b, f, at.reason)
	if got := s.counts(); !maps.Equal(got, want) {
		s.t.Errorf("got requests %v, want %v", got, want)
	}
	if _, n := h.seen(); n != 1 {
		s.t.Errorf("got %d connections, want 1", n)
	}
	if n := h.taken(); n > max(f.most, 3<<19) {
		s.t.Errorf("%d bytes of the answer were read", n)
	}
	h.set(nil)
	s.recovers(b, at.reason, want)
}

// fails is a login with b that ends on an error page.
func (s *scene) fails(b *browser, f *fault, reason string) {
	s.t.Helper()
	began, logged := time.Now(), len(s.log.String())
	resp, page := b.open(appURL + "/login/idp?next=/me")
	if resp.StatusCode != f.status || !strings.Contains(page, `href="/login/idp?next=%2Fme">Try again`) {
		s.t.Errorf("got status %d, want %d and a way to try again: %q", resp.StatusCode, f.status, page)
	}
	if took := time.Since(began); took != f.took {
		s.t.Errorf("it took %v, want %v", took, f.took)
	}
	if synctest.Wait(); s.busy() != 0 && !f.lingers {
		s.t.Errorf("%d requests are still being answered", s.busy())
	}
	line := strings.TrimSuffix(s.log.String()[logged:], "\n")
	for _, want := range []string{"level=ERROR", "reason=" + reason, fmt.Sprint("status=", f.status), "provider=idp", "error="} {
		if strings.Count(line, want) != 1 || strings.Contains(line, "\n") {
			s.t.Errorf("got the log %q, want one line with %s", line, want)
		}
	}
	if strings.Contains(page+line, "CANARY") {
		s.t.Errorf("a secret, or the provider's words, are on the page %q or in the log %q", page, line)
	}
	if all := b.cookies(appURL); len(all) != 0 {
		s.t.Errorf("got cookies %v, want none", all)
	}
	s.wants(b, "/", "nobody")
}

// recovers is a login with b once all is well again. A failed discovery is kept for
// a second, in which nobody is asked.
func (s *scene) recovers(b *browser, reason string, before map[string]int) {
	s.t.Helper()
	if reason == "discovery_failed" {
		for range 3 {
			if resp, _ := b.open(appURL + "/login/idp"); resp.StatusCode < 500 {
				s.t.Errorf("got status %d at once, want the error again", resp.StatusCode)
			}
		}
		if got := s.counts(); !maps.Equal(got, before) {
			s.t.Errorf("after three more visits got requests %v, want %v", got, before)
		}
		time.Sleep(time.Second)
	}
	if resp, page := b.open(appURL + "/login/idp?next=/me"); resp.StatusCode != http.StatusOK || page != "ada" {
		s.t.Errorf("when the fault is over, got status %d, %q", resp.StatusCode, page)
	}
	s.wants(b, "/token", "ACCESS-CANARY-ada")
}

// T51b: while the provider is down, in whichever way, those who are logged in do
// not notice: neither they nor the provider wait for anything. Others are told, and
// log in when it is back. Nobody is logged out by trying.
func TestOutage(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, "oidc", func(c *login.Config) { c.Idle = 20 * time.Minute })
				ada, bob := s.browser("ada"), s.browser("bob")
				ada.open(appURL + "/login/idp")
				for _, h := range s.network {
					h.set(&f)
				}
				before, began := s.counts(), time.Now()
				for range 5 {
					time.Sleep(10 * time.Minute)
					s.wants(ada, "/", "ada")
					s.wants(ada, "/me", "ada")
					s.wants(ada, "/token", "ACCESS-CANARY-ada")
				}
				if got := s.counts(); !maps.Equal(got, before) || time.Since(began) != 50*time.Minute {
					t.Errorf("got requests %v, want %v; it took %v", got, before, time.Since(began))
				}
				s.fails(bob, &f, "exchange_failed")
				if resp, _ := ada.open(appURL + "/login/idp"); resp.StatusCode != f.status {
					t.Errorf("logging in again: got status %d, want %d", resp.StatusCode, f.status)
				}
				s.wants(ada, "/me", "ada")
				for _, h := range s.network {
					h.set(nil)
				}
				bob.open(appURL + "/login/idp")
				s.wants(bob, "/me", "bob")
				r := navigationTo(appURL + "/logout")
				r.Method = http.MethodPost
				ada.send(r)
				s.wants(ada, "/", "nobody")
			})
		})
	}
}

// T51b, F4: a provider that is down when the application starts, and for an hour,
// is asked at most once a minute, however many people try; and logs people in
// within a minute of being back, without a restart.
func TestOutageAtStart(t *testing.T) {
	for _, f := range faults("connection refused", "no such host", "connecting hangs", "TLS 1.0", "header hangs", "reset in the body", "503") {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, "oidc")
				s.network[issuerHost].set(&f)
				b := s.browser("ada")
				began := time.Now()
				for time.Since(began) < time.Hour {
					if resp, _ := b.open(appURL + "/login/idp"); resp.StatusCode != f.status {
						t.Fatalf("got status %d, want %d", resp.StatusCode, f.status)
					}
					time.Sleep(5 * time.Second)
				}
				// After 1, 2, 4 … 32 and then every 60 seconds, by those who come every 5.
				if requests, dials := s.network[issuerHost].seen(); max(requests, dials) < 50 || max(requests, dials) > 65 {
					t.Errorf("got %d requests and %d connections within an hour, want about one a minute", requests, dials)
				}
				s.network[issuerHost].set(nil)
				back := time.Now()
				for {
					resp, page := b.open(appURL + "/login/idp?next=/me")
					if resp.StatusCode == http.StatusOK && page == "ada" {
						break
					}
					if time.Since(back) > time.Minute {
						t.Fatalf("a minute after the outage got status %d", resp.StatusCode)
					}
					time.Sleep(time.Second)
				}
			})
		})
	}
}

// C2, T9: a connection kept from an earlier login that breaks under the token
// request does not make anybody post the code again.
func TestBrokenKeptConnection(t *testing.T) {
	for _, f := range faults("nothing, then reset", "nothing, then hangs up") {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, "oidc")
				h := s.network[tokenHost]
				s.browser("bob").open(appURL + "/login/idp")
				h.set(&f)
				s.fails(s.browser("ada"), &f, "exchange_failed")
				if requests, dials := h.seen(); requests != 2 || dials != 1 {
					t.Errorf("got %d token requests over %d connections, want 2 over 1", requests, dials)
				}
			})
		})
	}
}

// T49, C6: a provider without TLS is a mistake that New reports, or an answer that
// discovery refuses.
func TestEndpointWithoutTLS(t *testing.T) {
	for _, endpoint := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"} {
		t.Run(endpoint, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, "oidc")
				f := &fault{status: 502, answer: func(w http.ResponseWriter, r *http.Request) {
					healthy := httptest.NewRecorder()
					s.idp.discovery(healthy, r)
					var document map[string]any
					if err := json.Unmarshal(healthy.Body.Bytes(), &document); err != nil {
						t.Error(err)
					}
					document[endpoint] = strings.Replace(document[endpoint].(string), "https:", "http:", 1)
					writeJSON(w, document)
				}}
				s.network[issuerHost].set(f)
				s.fails(s.browser("ada"), f, "discovery_failed")
				if got := s.counts(); !maps.Equal(got, map[string]int{issuerHost: 1}) {
					t.Errorf("got requests %v, want one", got)
				}
			})
		})
	}
	for name, change := range map[string]func(*login.Provider){
		"authorization": func(p *login.Provider) { p.Endpoint.AuthURL = "http://id.example/authorize" },
		"token":         func(p *login.Provider) { p.Endpoint.TokenURL = "http://token.example/token" },
		"API":           func(p *login.Provider) { p.API = []string{"http://userinfo.example"} },
	} {
		p := newIDP().provider("plain")
		change(&p)
		if _, err := login.New(login.Config{URL: appURL, Key: testKey, Providers: []login.Provider{p}}); err == nil {
			t.Errorf("%s: New takes an endpoint without TLS", name)
		}
	}
}

// T51: over real TCP, with real resets, nothing stays behind either.
func TestNoGoroutineLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("logins", func(t *testing.T) {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		var fault atomic.Int32
		f, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
			c.Client = &http.Client{Transport: transport, Timeout: 100 * time.Millisecond}
		})
		f.hook = func(step string, w http.ResponseWriter, r *http.Request) bool {
			n := int(fault.Load())
			if step != []string{"token", "user"}[n%2] {
				return false
			}
			io.Copy(io.Discard, r.Body)
			if n/2 == 3 {
				<-r.Context().Done() // hangs
				return true
			}
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return true
			}
			io.WriteString(c, []string{"", head, head + "Content-Length: 100\r\n\r\n{"}[n/2])
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
			return true
		}
		b := newBrowser(t)
		for n := range 40 {
			fault.Store(int32(n % 8))
			want := http.StatusBadGateway
			if n%8/2 == 3 {
				want = http.StatusGatewayTimeout
			}
			if resp, page := b.open(s.URL + "/login/fake"); resp.StatusCode != want {
				t.Errorf("fault %d: got status %d, want %d: %s", n%8, resp.StatusCode, want, page)
			}
		}
		if n := f.tokenRequests(); n != 40 {
			t.Errorf("got %d token requests, want 40", n)
		}
		b.CloseIdleConnections()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for runtime.NumGoroutine() > before {
		select {
		case <-tick.C:
		case <-deadline:
			stacks := make([]byte, 1<<16)
			t.Fatalf("got %d goroutines, want %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// A transport of the application's that has no limit for handshakes gets one:
// net/http lets them go on when nobody waits for them any more.
func TestHandshakesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, "plain", func(c *login.Config) {
			endless := c.Client.Transport.(*http.Transport).Clone()
			endless.TLSHandshakeTimeout = 0
			c.Client = &http.Client{Transport: endless}
		})
		s.network[tokenHost].set(&fault{raw: func(c *conn) { io.Copy(io.Discard, c) }})
		for range 3 {
			w := httptest.NewRecorder()
			s.app.ServeHTTP(w, s.callback(t.Context()))
			if w.Code != http.StatusGatewayTimeout {
				t.Errorf("got status %d, want 504", w.Code)
			}
		}
		time.Sleep(time.Minute)
		if n := s.busy(); n != 0 {
			t.Errorf("%d handshakes go on", n)
		}
		s.network[tokenHost].set(nil)
	})
}
