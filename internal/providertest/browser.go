package providertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/doorlatch/login"
)

const key = "0123456789abcdefghijklmnopqrstuv"

// Check asks login.New about p.
func Check(p login.Provider) error {
	_, err := login.New(login.Config{URL: "https://example.com", Key: []byte(key), Providers: []login.Provider{p}})
	return err
}

// Canaries must never be in a URL that a provider is asked for, in an error or in
// a log.
type Canaries []string

// NotIn fails the test if one of them is in text.
func (c Canaries) NotIn(t *testing.T, text string) {
	t.Helper()
	for _, canary := range c {
		if strings.Contains(text, canary) {
			t.Errorf("got %q, want it without %q", text, canary)
		}
	}
}

// CheckPrinting wants no canary, nor the secret in hexadecimal digits, in any way
// of printing values, and the client ID in their JSON (T44).
func CheckPrinting(t *testing.T, id, secret string, canaries Canaries, values ...any) {
	t.Helper()
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			canaries.NotIn(t, text)
			if strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s: got %q, want it without the secret", verb, text)
			}
		}
		b, err := json.Marshal(v)
		if err != nil || !strings.Contains(string(b), id) {
			t.Errorf("got %s, error %v, want the client ID", b, err)
		}
		canaries.NotIn(t, string(b))
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", v)
		canaries.NotIn(t, log.String())
	}
}

// An Outcome is how a whole login ended.
type Outcome struct {
	User   *login.User  // nil: nobody is logged in
	Grant  *login.Grant // that of OnLogin
	Err    error        // that of OnError
	Status int
	Page   string
	Log    string
	Landed string // Location of the last redirect
}

// LogIn takes a browser through a whole login with p, which has to end either
// with a user or with an error, and with no canary in it.
func LogIn(t *testing.T, p login.Provider, canaries Canaries) Outcome {
	t.Helper()
	var (
		user   *login.User
		grant  *login.Grant
		failed error
	)
	out := Browse(t, login.Config{
		Providers: []login.Provider{p},
		OnLogin: func(_ *http.Request, u *login.User, g *login.Grant) error {
			kept := *u
			user, grant = &kept, g
			return nil
		},
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			failed = err
			w.WriteHeader(http.StatusTeapot)
		},
	})
	out.User, out.Grant, out.Err = user, grant, failed
	switch {
	case out.Err != nil:
		canaries.NotIn(t, out.Err.Error())
		if out.User != nil || out.Status != http.StatusTeapot {
			t.Errorf("got user %v and status %d, want an error only", out.User, out.Status)
		}
	case out.User == nil:
		t.Fatalf("got neither a user nor an error, but status %d", out.Status)
	case out.Page != "user: "+out.User.ID:
		t.Errorf("got the page %q, want that of user %s", out.Page, out.User.ID)
	}
	canaries.NotIn(t, out.Log)
	return out
}

// Browse lets a person log in with the first provider of c and see a page for
// which they have to be. It sets URL, Key and Logger.
func Browse(t *testing.T, c login.Config) Outcome {
	t.Helper()
	var h http.Handler
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	defer app.Close()
	var log bytes.Buffer
	c.URL, c.Key = app.URL, []byte(key)
	c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	auth, err := login.New(c)
	if err != nil {
		t.Fatal(err)
	}
	h = auth.Wrap(auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "user: "+login.UserFrom(r.Context()).ID)
	})))
	jar, _ := cookiejar.New(nil)
	client := app.Client()
	client.Jar = jar
	r, err := http.NewRequest(http.MethodGet, app.URL+"/login/"+c.Providers[0].Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := Outcome{Status: resp.StatusCode, Page: string(page), Log: log.String()}
	if redirect := resp.Request.Response; redirect != nil {
		out.Landed = redirect.Header.Get("Location")
	}
	return out
}
