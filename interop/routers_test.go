package interop_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// A mount makes a handler of a router that somebody else has written. These are
// its routes:
//
//	/greet          greet, for everybody
//	/private/greet  greet, behind auth.Require
//	/…/login, /…/login/{provider}, /…/callback/{provider}, /…/logout
//	/by/{provider}/please
//
// The dots are the path of Config.URL. The last one is auth.Login too, where the
// provider is known from the path value {provider} alone.
type mount func(auth *login.Auth) http.Handler

// greet says who is logged in.
func greet(w http.ResponseWriter, r *http.Request) {
	name := "nobody"
	if u := login.UserFrom(r.Context()); u != nil {
		name = u.Name
	}
	fmt.Fprintf(w, "Hello, %s, at %s!", name, r.URL.RequestURI())
}

// In each of the routers that people use with net/http, or beside it, somebody
// logs in and out (R88): with auth.Wrap around the router, with the three handlers
// mounted by hand below a path, and with auth itself mounted there.
func TestRouters(t *testing.T) {
	for _, router := range []struct {
		name                  string
		wrapped, byHand, auth mount
	}{
		{"chi", chiWrapped, chiByHand, chiMounted},
		{"gorilla", gorillaWrapped, gorillaByHand, gorillaMounted},
		{"gin", ginWrapped, ginByHand, ginMounted},
		{"echo", echoWrapped, echoByHand, echoMounted},
	} {
		t.Run(router.name+"/Wrap", func(t *testing.T) { testRouter(t, "", router.wrapped) })
		t.Run(router.name+"/by hand", func(t *testing.T) { testRouter(t, "/account", router.byHand) })
		t.Run(router.name+"/mounted", func(t *testing.T) { testRouter(t, "/account", router.auth) })
	}
}

func testRouter(t *testing.T, path string, m mount) {
	provider := logintest.NewServer()
	defer provider.Close()
	c := newClient(t, provider, path, m)

	c.get("/greet", "text/html").want(200, "Hello, nobody, at /greet!")
	c.get("/private/greet", "application/json").want(401, "login_required")
	c.get(path+"/login/nobody", "text/html").want(404, "")
	c.get(path+"/logout/all", "text/html").want(404, "")
	c.get("/private/greet?x=1&y=%2F", "text/html").want(200, "Hello, Ada Example, at /private/greet?x=1&y=%2F!")
	c.get("/greet", "text/html").want(200, "Hello, Ada Example, at /greet!")

	c.post(path+"/logout", "https://evil.example").want(403, "")
	c.get("/private/greet", "").want(200, "Ada Example")
	c.post(path+"/logout?next=/greet", c.url).want(200, "Hello, nobody, at /greet!")
	c.get("/private/greet", "").want(401, "")

	c.get("/by/oidc/please?next=/greet", "text/html").want(200, "Hello, Ada Example, at /greet!")
	c.get("/by/nobody/please", "text/html").want(404, "")
	for _, p := range provider.Problems() {
		t.Errorf("the provider complains: %s", p)
	}
}

// A client is a person without a browser: it follows redirects and keeps cookies.
type client struct {
	t   *testing.T
	url string
	*http.Client
}

func newClient(t *testing.T, provider *logintest.Server, path string, m mount) *client {
	s := httptest.NewUnstartedServer(nil)
	url := "http://" + s.Listener.Addr().String()
	key := make([]byte, 32)
	rand.Read(key)
	auth, err := login.New(login.Config{
		URL: url + path, Key: key, Providers: []login.Provider{provider.Provider()}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = m(auth)
	s.Start()
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, url, &http.Client{Jar: jar}}
}

// An answer is what came in the end.
type answer struct {
	t          *testing.T
	what, body string
	status     int
}

func (c *client) get(path, accept string) answer {
	c.t.Helper()
	return c.send("GET", path, http.Header{"Accept": {accept}})
}

func (c *client) post(path, origin string) answer {
	c.t.Helper()
	return c.send("POST", path, http.Header{"Origin": {origin}})
}

func (c *client) send(method, path string, header http.Header) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(bounded(c.t), method, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header = header
	response, err := c.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{t: c.t, what: method + " " + path, body: string(body), status: response.StatusCode}
}

func (a answer) want(status int, text string) {
	a.t.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		a.t.Errorf("%s: got %d %s\nwant %d with %q", a.what, a.status, a.body, status, text)
	}
}
