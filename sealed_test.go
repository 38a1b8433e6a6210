package login

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/sessions"
	"golang.org/x/oauth2"
)

// sealedFile holds cookies that were sealed once under its key, so that the seeds of
// the fuzz tests can be good cookies and nearly good ones, whichever process they
// run in.
const sealedFile = "testdata/sealed.json"

// sealedNow is when they are good: the session would be over without its last-seen
// time.
var sealedNow = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// sealedCookies are "name=value" each.
type sealedCookies struct {
	Key                   []byte
	Identity, Seen, Token string
	Handle, HandleSeen    string            // of a session in a Store,
	Record                map[string]string // where this is its record
	Flow, State           string
}

func readSealed(t testing.TB) (c sealedCookies) {
	t.Helper()
	b, err := os.ReadFile(sealedFile)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A sealedSite is an Auth whose provider lets everybody in, at sealedNow.
type sealedSite struct {
	*Auth
	tokens atomic.Int32 // token requests
	log    bytes.Buffer
}

func newSealedSite(t testing.TB, store sessions.Store) *sealedSite {
	t.Helper()
	s := new(sealedSite)
	p := Provider{
		Name: "fake", ClientID: "client", ClientSecret: "SECRET-CANARY", Issuer: "https://provider.example",
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://provider.example/authorize", TokenURL: "https://provider.example/token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		Params: url.Values{"response_mode": {"form_post"}}, // takes GET and POST
		Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			s.tokens.Add(1)
			return fixedAnswer{"application/json", 200, []byte(`{"access_token":"ACCESS-CANARY","token_type":"Bearer"}`)}.RoundTrip(r)
		})},
		Identify: func(context.Context, *Grant) (*User, error) { return &User{ID: "17", Name: "Ada"}, nil },
	}
	var err error
	s.Auth, err = New(Config{URL: "https://app.example", Key: readSealed(t).Key, Idle: 20 * time.Minute, Providers: []Provider{p}, Store: store,
		Logger: slog.New(slog.NewTextHandler(&s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return sealedNow }
	return s
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A oneRecordStore gives every session the same handle, and counts how often it is
// asked for a record.
type oneRecordStore struct {
	values map[any]any
	asked  int
}

func (s *oneRecordStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return s.New(r, name)
}

func (s *oneRecordStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	session.Options, session.IsNew = new(sessions.Options), true
	if c, err := r.Cookie(name); err == nil {
		s.asked++
		session.ID, session.IsNew = c.Value, c.Value != "the-handle" || s.values == nil
		if !session.IsNew {
			session.Values = s.values
		}
	}
	return session, nil
}

func (s *oneRecordStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	s.values = session.Values
	http.SetCookie(w, sessions.NewCookie(session.Name(), "the-handle", session.Options))
	return nil
}

// makeSealed writes sealedFile.
func makeSealed(t *testing.T) {
	c, store := sealedCookies{Key: make([]byte, 32), Record: map[string]string{}}, &oneRecordStore{}
	rand.Read(c.Key) // or what fuzzing has kept of earlier cookies would still be good
	writeSealed(t, c)
	s := newSealedSite(t, nil)
	c.Identity, c.Token, c.Seen = s.sealSession(t)
	c.Handle, _, c.HandleSeen = newSealedSite(t, store).sealSession(t)
	for key, value := range store.values {
		c.Record[key.(string)] = value.(string)
	}
	s.now = func() time.Time { return sealedNow.Add(-time.Minute) }
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/login/fake", nil))
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	c.Flow, c.State = pair(w.Result().Cookies()[0]), u.Query().Get("state")
	writeSealed(t, c)
}

func writeSealed(t *testing.T, c sealedCookies) {
	t.Helper()
	text, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(sealedFile, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sealSession returns the cookies of a session that began 25 minutes ago and was
// used 4 minutes ago.
func (s *sealedSite) sealSession(t *testing.T) (identity, token, seen string) {
	t.Helper()
	visit := func(before time.Duration, f func(http.ResponseWriter)) []*http.Cookie {
		s.now = func() time.Time { return sealedNow.Add(-before) }
		w := httptest.NewRecorder()
		f(w)
		return w.Result().Cookies()
	}
	u := &User{Provider: "fake", ID: "17", Name: "Ada"}
	g := &Grant{User: u, Token: &oauth2.Token{AccessToken: "ACCESS-CANARY"}}
	set := visit(25*time.Minute, func(w http.ResponseWriter) {
		if err := s.begin(w, httptest.NewRequest("GET", "/", nil), &flow{}, u, g); err != nil {
			t.Fatal(err)
		}
	})
	for _, before := range []time.Duration{10 * time.Minute, 4 * time.Minute} {
		last := visit(before, func(w http.ResponseWriter) { s.attach(w, requestWith(set...)) })
		if len(last) != 1 {
			t.Fatalf("got the cookies %v, want the last-seen time", last)
		}
		seen, set = pair(last[0]), append(set, last[0])
	}
	return pair(set[0]), pair(set[1]), seen
}

func pair(c *http.Cookie) string { return c.Name + "=" + c.Value }

// withCookies is a request with that Cookie header.
func withCookies(target string, pairs ...string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Cookie", strings.Join(pairs, "; "))
	return r
}

// store is the Store that holds the record of c.Handle.
func (c *sealedCookies) store() *oneRecordStore {
	s := &oneRecordStore{values: map[any]any{}}
	for key, value := range c.Record {
		s.values[key] = value
	}
	return s
}

// T59, T66: what was sealed before is still good, so that an upgrade logs nobody
// out, and the fuzz tests know what is good. If records are meant to have another
// layout now, run: UPDATE=1 go test -run 'Sealed|Seeds' .
func TestSealedCookies(t *testing.T) {
	if os.Getenv("UPDATE") != "" {
		makeSealed(t)
	}
	c := readSealed(t)
	s, stored := newSealedSite(t, nil), newSealedSite(t, c.store())
	for _, tt := range []struct {
		name   string
		site   *sealedSite
		cookie []string
		user   string
	}{
		{"session", s, []string{c.Identity, c.Seen, c.Token}, "17"},
		{"session without its last-seen time", s, []string{c.Identity, c.Token}, ""},
		{"handle", stored, []string{c.Handle, c.HandleSeen}, "17"},
		{"handle without its last-seen time", stored, []string{c.Handle}, ""},
		{"session where there is a Store", stored, []string{c.Identity, c.Seen, c.Token}, ""},
		{"handle where there is no Store", s, []string{c.Handle, c.HandleSeen}, ""},
	} {
		r := withCookies("/", tt.cookie...)
		session, err := tt.site.load(httptest.NewRecorder(), r)
		if err != nil || (session != nil) != (tt.user != "") || session != nil && session.user.ID != tt.user {
			t.Errorf("%s: got %v, %v, want user %q", tt.name, session, err, tt.user)
		}
		if token, err := tt.site.Token(httptest.NewRecorder(), r); tt.user != "" && (err != nil || token.AccessToken != "ACCESS-CANARY") {
			t.Errorf("%s: got the token %v, %v", tt.name, token, err)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, withCookies("/callback/fake?code=c&state="+c.State, c.Flow))
	if w.Code != 303 || s.tokens.Load() != 1 {
		t.Errorf("flow: got status %d, %d token requests", w.Code, s.tokens.Load())
	}
}
