package generic_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
)

// An outage is a provider that is reached without a network, of which some paths
// can be out of order, and an application to log in to.
type outage struct {
	*op
	auth *login.Auth

	mu     sync.Mutex
	faults map[string]func(*http.Request) (*http.Response, error) // by path
	asked  map[string]int
	by     pair // signs
}

const issuer = "https://op.example"

func newOutage(t *testing.T) *outage {
	o := startOP(t, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.URL = issuer
		return s
	})
	x := &outage{op: o, faults: map[string]func(*http.Request) (*http.Response, error){}, asked: map[string]int{}, by: rsaKey()}
	var err error
	x.auth, err = login.New(login.Config{
		URL: "https://app.example", Key: []byte("0123456789abcdefghijklmnopqrstuv"), Logger: slog.New(slog.DiscardHandler),
		Client: &http.Client{Transport: x},
		Providers: []login.Provider{generic.OIDC(generic.Config{
			Name: "op", ClientID: "client", ClientSecret: "hush-hush", Issuer: issuer,
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	x.mu.Lock()
	x.asked[r.URL.Path]++
	fault := x.faults[r.URL.Path]
	x.mu.Unlock()
	if fault != nil {
		return fault(r)
	}
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	return w.Result(), nil
}

// set puts path out of order, or in order again if fault is nil.
func (x *outage) set(path string, fault func(*http.Request) (*http.Response, error)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.faults[path] = fault
}

func (x *outage) requests(path string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.asked[path]
}

// login is a whole login. It returns the status at which it ended, which is 303
// where somebody is logged in, and how long that took.
func (x *outage) login() (status int, took time.Duration) {
	x.t.Helper()
	began := time.Now()
	start := httptest.NewRecorder()
	x.auth.ServeHTTP(start, httptest.NewRequest("GET", "/login/op", nil))
	if start.Code != http.StatusSeeOther {
		return start.Code, time.Since(began)
	}
	u, err := url.Parse(start.Header().Get("Location"))
	if err != nil {
		x.t.Fatal(err)
	}
	now := time.Now()
	x.clock.Store(&now)
	idToken := x.by.sign("RS256", object{"alg": "RS256", "kid": x.by.jwk["kid"]}.json(), x.claims().edit(object{"nonce": u.Query().Get("nonce")}).json())
	x.handle("/token", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(object{"access_token": "access-token", "token_type": "Bearer", "id_token": idToken})
	})
	back := httptest.NewRequest("GET", "/callback/op?code=x&state="+u.Query().Get("state"), nil)
	for _, c := range start.Result().Cookies() {
		back.AddCookie(c)
	}
	end := httptest.NewRecorder()
	x.auth.ServeHTTP(end, back)
	return end.Code, time.Since(began)
}

// wants is that a login now ends with status and takes so long.
func (x *outage) wants(when string, status int, took time.Duration) {
	x.t.Helper()
	if s, d := x.login(); s != status || d != took {
		x.t.Errorf("%s: got status %d after %v, want %d after %v", when, s, d, status, took)
	}
}

// outages are ways to be out of order, with how long each keeps one who asks.
func outages() map[string]func(*http.Request) (*http.Response, error) {
	answer := func(status int, body string) func(*http.Request) (*http.Response, error) {
		return func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(strings.NewReader(body)), Request: r,
			}, nil
		}
	}
	return map[string]func(*http.Request) (*http.Response, error){
		"refused": func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED },
		"hangs": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"503":        answer(503, "{}"),
		"empty":      answer(200, ""),
		"emptied":    answer(200, `{"keys":[]}`),
		"redirected": answer(302, ""),
	}
}

const keysPath, discoveryPath = "/keys", "/.well-known/openid-configuration"

// T51b, E9: while the key endpoint is out of order, those keys that are known serve
// for two days; nobody waits for it longer than two seconds, and it is asked at most
// every ten. A key that is new, it takes until the end of the outage to learn.
func TestLoginsDuringKeyOutage(t *testing.T) {
	rsaKey()
	secondKey()
	for name, fault := range outages() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newOutage(t)
				x.wants("at first", 303, 0)
				x.set(keysPath, fault)
				time.Sleep(30 * time.Minute)
				x.wants("while the keys are fresh", 303, 0)
				if n := x.requests(keysPath); n != 1 {
					t.Errorf("got %d requests for fresh keys, want 1", n)
				}
				waits := time.Duration(0)
				if name == "hangs" {
					waits = 2 * time.Second
				}
				time.Sleep(90 * time.Minute)
				x.wants("when they have expired", 303, waits)
				time.Sleep(time.Hour)
				began, before := time.Now(), x.requests(keysPath)
				for range 100 {
					if status, took := x.login(); status != 303 || took > waits {
						t.Fatalf("got status %d after %v", status, took)
					}
					time.Sleep(6 * time.Second)
				}
				if n := x.requests(keysPath) - before; n > 5+int(time.Since(began)/(10*time.Second)) {
					t.Errorf("got %d requests within %v, want five and one per ten seconds", n, time.Since(began))
				}
				x.by = secondKey()
				x.publish(rsaKey(), secondKey())
				if status, _ := x.login(); status < 500 {
					t.Errorf("got status %d with a key that cannot be known", status)
				}
				x.by = rsaKey()
				time.Sleep(40 * time.Hour)
				x.wants("within two days", 303, waits)
				time.Sleep(6 * time.Hour)
				if status, _ := x.login(); status < 500 {
					t.Errorf("got status %d with keys more than two days old", status)
				}
				x.set(keysPath, nil)
				time.Sleep(10 * time.Second)
				x.wants("when it is over", 303, 0)
				x.by = secondKey()
				x.wants("with the new key", 303, 0)
			})
		})
	}
}

// T51b, F4: while the metadata cannot be fetched again, what was fetched a day ago
// serves; of the visitors only the one whom it falls to waits, at most ten seconds, and
// that at most once a minute.
func TestLoginsDuringDiscoveryOutage(t *testing.T) {
	rsaKey()
	for name, fault := range outages() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newOutage(t)
				x.wants("at first", 303, 0)
				x.set(discoveryPath, fault)
				time.Sleep(23 * time.Hour)
				x.wants("within a day", 303, 0)
				time.Sleep(2 * time.Hour)
				waits := time.Duration(0)
				if name == "hangs" {
					waits = 10 * time.Second
				}
				var both sync.WaitGroup
				both.Go(func() { x.wants("after a day", 303, waits) })
				synctest.Wait()
				if took := x.begins("meanwhile", issuer+"/authorize"); took != 0 {
					t.Errorf("somebody else waits for %v", took)
				}
				both.Wait()
				began, before, waited := time.Now(), x.requests(discoveryPath), 0
				for time.Since(began) < time.Hour {
					if took := x.begins("for an hour", issuer+"/authorize"); took != 0 && took != waits {
						t.Fatalf("somebody waits for %v", took)
					} else if took > 0 {
						waited++
					}
					time.Sleep(5 * time.Second)
				}
				if n := x.requests(discoveryPath) - before; n < 50 || n > 65 || waited > n {
					t.Errorf("got %d requests within an hour, for which %d people waited, want about one a minute", n, waited)
				}
				x.metadata = object{"authorization_endpoint": issuer + "/new"}
				x.set(discoveryPath, nil)
				time.Sleep(time.Minute)
				x.begins("when it is over", issuer+"/new")
			})
		})
	}
}

// begins is that a login now leads to url. It returns how long that takes.
func (x *outage) begins(when, url string) time.Duration {
	x.t.Helper()
	began, w := time.Now(), httptest.NewRecorder()
	x.auth.ServeHTTP(w, httptest.NewRequest("GET", "/login/op", nil))
	if !strings.HasPrefix(w.Header().Get("Location"), url+"?") {
		x.t.Errorf("%s: got status %d to %q, want %s", when, w.Code, w.Header().Get("Location"), url)
	}
	return time.Since(began)
}

// T51, T51b: an answer of any path that does not come costs a login ten seconds in all,
// however the provider divides them up.
func TestSlowProvider(t *testing.T) {
	rsaKey()
	for _, tt := range []struct {
		each   time.Duration
		status int
		took   time.Duration
	}{
		{2 * time.Second, 303, 2*time.Second + 3*2*time.Second}, // discovery; then token, keys and userinfo
		{3 * time.Second, 303, 3*time.Second + 3*3*time.Second},
		{4 * time.Second, 504, 4*time.Second + 10*time.Second},
		{11 * time.Second, 504, 10 * time.Second},
	} {
		t.Run(fmt.Sprint(tt.each), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newOutage(t)
				x.metadata = object{"userinfo_endpoint": issuer + "/userinfo"}
				x.userinfo = object{"sub": "user-1"}
				for _, path := range []string{discoveryPath, "/token", keysPath, "/userinfo"} {
					x.set(path, func(r *http.Request) (*http.Response, error) {
						select {
						case <-time.After(tt.each):
						case <-r.Context().Done():
							return nil, r.Context().Err()
						}
						w := httptest.NewRecorder()
						x.ServeHTTP(w, r)
						return w.Result(), nil
					})
				}
				x.wants("from the first click on", tt.status, tt.took)
			})
		})
	}
}
