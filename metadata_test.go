package login

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const testIssuer = "https://id.example"

// discovered is what a healthy provider says of itself.
func discovered() Metadata {
	return Metadata{Issuer: testIssuer, Endpoint: oauth2.Endpoint{
		AuthURL: testIssuer + "/authorize", TokenURL: testIssuer + "/token", AuthStyle: oauth2.AuthStyleInHeader,
	}}
}

// lateAuth is an Auth with one provider, found by discover, and the provider's
// clock, which stands still unless it is moved.
func lateAuth(t *testing.T, discover func(context.Context, Provider) (Metadata, error)) (*Auth, *provider, *time.Time) {
	t.Helper()
	a, err := New(Config{
		URL: "https://example.com", Key: []byte("0123456789abcdefghijklmnopqrstuv"), Logger: slog.New(slog.DiscardHandler),
		Providers: []Provider{{
			Name: "late", ClientID: "client", ClientSecret: "secret", Issuer: testIssuer, Discover: discover,
			Identify: func(context.Context, *Grant) (*User, error) { return &User{ID: "1"}, nil },
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	p := a.providers["late"]
	p.now = func() time.Time { return now }
	return a, p, &now
}

// openLogin sends a browser to /login.
func openLogin(h http.Handler, ctx context.Context) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, "GET", "/login", nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestDiscoverOnce: however many people begin to log in, the provider is asked
// once (F4).
func TestDiscoverOnce(t *testing.T) {
	const visitors = 50
	var calls atomic.Int32
	var arrived, done sync.WaitGroup
	a, _, _ := lateAuth(t, func(context.Context, Provider) (Metadata, error) {
		calls.Add(1)
		arrived.Wait()
		for range 1000 {
			runtime.Gosched() // let the others come as far as they can
		}
		return discovered(), nil
	})
	arrived.Add(visitors)
	for range visitors {
		done.Go(func() {
			arrived.Done()
			w := openLogin(a, t.Context())
			if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), testIssuer+"/authorize?") {
				t.Errorf("got %d to %q, want 303 to the provider", w.Code, w.Header().Get("Location"))
			}
		})
	}
	done.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("Discover was called %d times, want once", n)
	}
}

// TestDiscoverBackOff: a provider that is down is asked after 1 s, 2 s and so on
// up to every minute, and when it is back nothing has to be restarted (F4).
func TestDiscoverBackOff(t *testing.T) {
	calls, down := 0, errors.New("connection refused")
	_, p, now := lateAuth(t, func(context.Context, Provider) (Metadata, error) {
		calls++
		return discovered(), down
	})
	ask := func() (*Metadata, error) { return p.metadata(t.Context()) }
	wait := []int{1, 2, 4, 8, 16, 32, 60, 60}
	for i, seconds := range wait {
		for _, step := range []time.Duration{0, time.Duration(seconds)*time.Second - 1} {
			*now = now.Add(step)
			if md, err := ask(); md != nil || !errors.Is(err, down) {
				t.Fatalf("got %v, %v, want the error of Discover", md, err)
			}
			if calls != i+1 {
				t.Fatalf("%v after failure %d: got %d calls, want %d", step, i+1, calls, i+1)
			}
		}
		*now = now.Add(1)
	}
	failure := down
	down = nil
	if md, err := ask(); err != nil || md.Endpoint.AuthURL != testIssuer+"/authorize" || calls != len(wait)+1 {
		t.Fatalf("got %v, %v in call %d, want the metadata in call %d", md, err, calls, len(wait)+1)
	}
	// After a success the waiting begins small again.
	down, calls = failure, 0
	*now = now.Add(metadataLifetime)
	ask()
	*now = now.Add(time.Second - 1)
	ask()
	if calls != 1 {
		t.Errorf("got %d calls within a second, want 1", calls)
	}
	*now = now.Add(1)
	if ask(); calls != 2 {
		t.Errorf("got %d calls after a second, want 2", calls)
	}
}

// TestDiscoverAgain: after a day the provider is asked again; while it does not
// answer, what it said before is used (F4).
func TestDiscoverAgain(t *testing.T) {
	calls, answer, down := 0, discovered(), error(nil)
	_, p, now := lateAuth(t, func(context.Context, Provider) (Metadata, error) {
		calls++
		return answer, down
	})
	check := func(when, want string, wantCalls int) {
		t.Helper()
		md, err := p.metadata(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if md.Endpoint.TokenURL != testIssuer+want || calls != wantCalls {
			t.Errorf("%s: got %s after %d calls, want %s after %d", when, md.Endpoint.TokenURL, calls, want, wantCalls)
		}
	}
	check("at first", "/token", 1)
	answer.Endpoint.TokenURL, down = testIssuer+"/new", errors.New("down")
	*now = now.Add(metadataLifetime - 1)
	check("within a day", "/token", 1)
	*now = now.Add(1)
	check("after a day, while it is down", "/token", 2)
	check("at once after that", "/token", 2)
	*now = now.Add(time.Second)
	check("a second later", "/token", 3)
	answer.Issuer, down = "https://evil.example", nil
	*now = now.Add(2 * time.Second)
	check("when it has become somebody else", "/token", 4)
	answer.Issuer = testIssuer
	*now = now.Add(4 * time.Second)
	check("when it is back", "/new", 5)
	check("at once after that", "/new", 5)
}

// TestDiscoverBehindTheScenes: while one visitor waits for the refresh, others
// go on with what was known (F4).
func TestDiscoverBehindTheScenes(t *testing.T) {
	asked, answer := make(chan bool), make(chan bool)
	first := true
	_, p, now := lateAuth(t, func(context.Context, Provider) (Metadata, error) {
		if !first {
			asked <- true
			<-answer
		}
		first = false
		return discovered(), nil
	})
	if _, err := p.metadata(t.Context()); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(metadataLifetime)
	done := make(chan error)
	go func() {
		_, err := p.metadata(t.Context())
		done <- err
	}()
	<-asked
	for range 3 { // would wait for ever if they called Discover, or waited for it
		if md, err := p.metadata(t.Context()); md == nil || err != nil {
			t.Errorf("got %v, %v, want what was known", md, err)
		}
	}
	close(answer)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestDiscoverWithoutVisitor: Discover goes on when the visitor who caused it
// leaves, but not for ever, and it uses the bounded client (F4).
func TestDiscoverWithoutVisitor(t *testing.T) {
	type key struct{}
	visitor, leave := context.WithCancel(context.WithValue(t.Context(), key{}, "trace"))
	a, _, _ := lateAuth(t, func(ctx context.Context, p Provider) (Metadata, error) {
		leave()
		if err := ctx.Err(); err != nil {
			t.Errorf("Discover is cancelled with the visitor: %v", err)
		}
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > providerTimeout {
			t.Errorf("got the deadline %v, %t, want one within %v", deadline, ok, providerTimeout)
		}
		if ctx.Value(key{}) != "trace" {
			t.Error("the values of the request's context are lost")
		}
		if c, ok := ctx.Value(oauth2.HTTPClient).(*http.Client); !ok || c.Timeout != providerTimeout {
			t.Errorf("got the client %v, want the bounded one", c)
		} else if _, err := c.Get("http://id.example/"); !errors.Is(err, errInsecure) {
			t.Errorf("got %v from the client, want errInsecure", err)
		}
		if p.Name != "late" || p.Issuer != testIssuer {
			t.Errorf("got the provider %v, want its own", p)
		}
		return discovered(), ctx.Err()
	})
	if w := openLogin(a, visitor); w.Code != http.StatusSeeOther {
		t.Errorf("got %d, want 303", w.Code)
	}
	if w := openLogin(a, t.Context()); w.Code != http.StatusSeeOther {
		t.Errorf("got %d for the next visitor, want 303", w.Code)
	}
}

// TestDiscoverRefuses: metadata of another issuer (RFC 8414 section 3.3, a
// mix-up), or that would send people or codes through the open (A17).
func TestDiscoverRefuses(t *testing.T) {
	for name, change := range map[string]func(*Metadata){
		"another issuer":        func(md *Metadata) { md.Issuer = "https://evil.example" },
		"nearly the issuer":     func(md *Metadata) { md.Issuer += "/" },
		"no authorization URL":  func(md *Metadata) { md.Endpoint.AuthURL = "" },
		"http":                  func(md *Metadata) { md.Endpoint.AuthURL = "http://id.example/authorize" },
		"a script":              func(md *Metadata) { md.Endpoint.AuthURL = "javascript:alert(1)//" },
		"a fragment":            func(md *Metadata) { md.Endpoint.AuthURL += "#" },
		"a user":                func(md *Metadata) { md.Endpoint.AuthURL = "https://id.example@evil.example/" },
		"no token URL":          func(md *Metadata) { md.Endpoint.TokenURL = "" },
		"http to the token URL": func(md *Metadata) { md.Endpoint.TokenURL = "http://id.example/token" },
		"not a URL":             func(md *Metadata) { md.Endpoint.TokenURL = ":" },
	} {
		t.Run(name, func(t *testing.T) {
			md := discovered()
			change(&md)
			a, p, _ := lateAuth(t, func(context.Context, Provider) (Metadata, error) { return md, nil })
			w := openLogin(a, t.Context())
			if w.Code != http.StatusBadGateway || w.Header().Get("Location") != "" || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("got %d and the header %v, want 502", w.Code, w.Header())
			}
			if found, err := p.metadata(t.Context()); found != nil || err == nil {
				t.Errorf("got %v, %v, want an error", found, err)
			}
		})
	}
}

// TestStartWithoutProvider: an application starts, and serves what needs no
// login, while the provider is down (F4).
func TestStartWithoutProvider(t *testing.T) {
	var down error = errors.New("connection refused")
	calls := 0
	a, _, now := lateAuth(t, func(context.Context, Provider) (Metadata, error) {
		calls++
		return discovered(), down
	})
	h := a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusTeapot || calls != 0 {
		t.Errorf("got %d after %d calls, want the application's 418 after none", w.Code, calls)
	}
	for range 3 {
		w = openLogin(h, t.Context())
		if page := w.Body.String(); w.Code != http.StatusBadGateway || !strings.Contains(page, `href="/login/late">Try again`) {
			t.Errorf("got %d\n%s, want 502 and a way to try again", w.Code, page)
		}
	}
	if calls != 1 {
		t.Errorf("got %d calls at one time, want 1", calls)
	}
	down, *now = nil, now.Add(time.Second)
	if w = openLogin(h, t.Context()); w.Code != http.StatusSeeOther {
		t.Errorf("got %d when the provider is back, want 303", w.Code)
	}
}

// TestDiscoverPanics: a fault in one provider's function does not lock everybody
// out for ever.
func TestDiscoverPanics(t *testing.T) {
	first := true
	_, p, _ := lateAuth(t, func(context.Context, Provider) (Metadata, error) {
		if first {
			first = false
			panic("a fault")
		}
		return discovered(), nil
	})
	func() {
		defer func() { recover() }()
		p.metadata(t.Context())
	}()
	if md, err := p.metadata(t.Context()); md == nil || err != nil {
		t.Errorf("got %v, %v, want the metadata", md, err)
	}
}

// TestComplete: what is written down in a Provider fills the gaps, and its
// AuthStyle decides.
func TestComplete(t *testing.T) {
	own := oauth2.Endpoint{AuthURL: "https://own/a", TokenURL: "https://own/t"}
	for _, test := range []struct {
		name string
		p    Provider
		md   Metadata
		want Metadata
	}{
		{"nothing discovered",
			Provider{Endpoint: own, Issuer: testIssuer, RequireIss: true},
			Metadata{},
			Metadata{Endpoint: oauth2.Endpoint{AuthURL: own.AuthURL, TokenURL: own.TokenURL, AuthStyle: oauth2.AuthStyleInParams}, Issuer: testIssuer, RequireIss: true}},
		{"all discovered", Provider{Endpoint: own, Issuer: testIssuer}, discovered(), discovered()},
		{"the style of a client that knows better", Provider{Endpoint: oauth2.Endpoint{AuthStyle: oauth2.AuthStyleInParams}}, discovered(),
			Metadata{Endpoint: oauth2.Endpoint{AuthURL: testIssuer + "/authorize", TokenURL: testIssuer + "/token", AuthStyle: oauth2.AuthStyleInParams}, Issuer: testIssuer}},
		{"a public client", Provider{Public: true}, discovered(),
			Metadata{Endpoint: oauth2.Endpoint{AuthURL: testIssuer + "/authorize", TokenURL: testIssuer + "/token", AuthStyle: oauth2.AuthStyleInParams}, Issuer: testIssuer}},
	} {
		p := &provider{Provider: test.p}
		got := p.complete(test.md)
		if got.Endpoint != test.want.Endpoint || got.Issuer != test.want.Issuer || got.RequireIss != test.want.RequireIss {
			t.Errorf("%s: got %+v, want %+v", test.name, *got, test.want)
		}
	}
}
