package login_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/doorlatch/login"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

// fileStore is the Store that comes with gorilla/sessions, with its limit off.
func fileStore(t *testing.T) (*sessions.FilesystemStore, string) {
	t.Helper()
	dir := t.TempDir()
	s := sessions.NewFilesystemStore(dir, []byte("store-key-0123456789abcdefghijkl"))
	s.MaxLength(0)
	return s, dir
}

func records(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "session_*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Decision 5: a login through a Store, with a token no cookie would hold, and
// one cookie in the browser.
func TestStore(t *testing.T) {
	store, dir := fileStore(t)
	f, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	bigToken(f, 100<<10, 0, 3000)
	b := jarOf(t, s)
	cookies := b.cookies(s.URL)
	if len(cookies) != 1 || len(records(t, dir)) != 1 {
		t.Errorf("got %d cookies, %d records, want one each", len(cookies), len(records(t, dir)))
	}
	token, err := s.auth.Token(httptest.NewRecorder(), requestWith(cookies))
	if err != nil || len(token.AccessToken) != 100<<10 || len(token.Extra("id_token").(string)) != 3000 {
		t.Errorf("got %v", err)
	}
	// What the Store holds says nothing to whoever reads it.
	b2 := newBrowser(t)
	f.hook = nil
	b2.open(s.URL + "/login/fake")
	for _, file := range records(t, dir) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"ACCESS-CANARY", "Ada", "ada@example.test", strings.Repeat("a", 40)} {
			if strings.Contains(string(content), secret) || strings.Contains(string(content), hex.EncodeToString([]byte(secret))) {
				t.Errorf("%s holds %q", file, secret)
			}
		}
	}
}

func requestWith(cookies map[string]string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// T19, B14: a fresh record at login; the old one destroyed at login and logout.
func TestStoreFixation(t *testing.T) {
	store, dir := fileStore(t)
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	attacker := jarOf(t, s)
	planted := attacker.cookies(s.URL)
	old := records(t, dir)

	victim := newBrowser(t)
	victim.put(s, planted)
	victim.open(s.URL + "/login/fake")
	for name, value := range victim.cookies(s.URL) {
		if planted[name] == value {
			t.Error("the planted cookie was kept at login")
		}
	}
	if now := records(t, dir); len(now) != 1 || now[0] == old[0] {
		t.Errorf("got records %v after %v, want one new", now, old)
	}
	if loggedIn(t, s, attacker) {
		t.Error("the attacker is logged in by the planted cookie")
	}

	copied := newBrowser(t)
	copied.put(s, victim.cookies(s.URL))
	r := navigationTo(s.URL + "/logout")
	r.Method = "POST"
	victim.send(r)
	if now := records(t, dir); len(now) != 0 || loggedIn(t, s, copied) {
		t.Errorf("after logout: got records %v, copy logged in %v", now, loggedIn(t, s, copied))
	}

	// A record that is deleted on the server ends its session.
	b := jarOf(t, s)
	for _, file := range records(t, dir) {
		os.Remove(file)
	}
	if loggedIn(t, s, b) {
		t.Error("logged in without a record")
	}
	b.open(s.URL + "/me") // says that the session got lost
	if resp, _ := b.open(s.URL + "/me"); resp.StatusCode != 200 || len(records(t, dir)) != 1 {
		t.Errorf("log in again: got status %d", resp.StatusCode)
	}
}

// T19: IDs that the Store would take from anybody reach it only inside our seal.
func TestStoreSeesNoForeignID(t *testing.T) {
	store := &spyStore{Store: sessions.NewFilesystemStore(t.TempDir(), []byte("store-key-0123456789abcdefghijkl"))}
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	name := ""
	for name = range jarOf(t, s).cookies(s.URL) {
	}
	before := store.loads.Load()
	for _, value := range []string{"ATTACKER-CHOSEN", "../../etc/passwd", "*", strings.Repeat("A", 5000)} { // T21
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", name+"="+value+"; login="+value)
		w := httptest.NewRecorder()
		s.auth.Require(http.NotFoundHandler()).ServeHTTP(w, r)
		if w.Code != 401 {
			t.Errorf("%q: got status %d", value, w.Code)
		}
	}
	if store.loads.Load() != before {
		t.Error("the Store was asked for an ID that we did not seal")
	}
}

// spyStore counts lookups, remembers what was saved and can be broken.
type spyStore struct {
	sessions.Store
	loads atomic.Int64
	saved atomic.Value // the identity in the last record
	down  atomic.Bool
	err   error

	downOnce atomic.Bool // for the next lookup
}

func (s *spyStore) New(r *http.Request, name string) (*sessions.Session, error) {
	if _, err := r.Cookie(name); err == nil {
		s.loads.Add(1)
	}
	if _, err := r.Cookie(name); s.down.Load() || err == nil && s.downOnce.CompareAndSwap(true, false) {
		return sessions.NewSession(s, name), s.err
	}
	return s.Store.New(r, name)
}

func (s *spyStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if s.down.Load() {
		return s.err
	}
	s.saved.Store(fmt.Sprint(session.Values["identity"]))
	return s.Store.Save(r, w, session)
}

// T64: while the Store is down, Require answers 503, Wrap serves everybody as
// nobody, nobody is logged in or out, and all is well again afterwards.
func TestStoreDown(t *testing.T) {
	for _, err := range []error{errors.New("dial tcp: connection refused"), context.DeadlineExceeded, fs.ErrPermission} {
		files, _ := fileStore(t)
		store := &spyStore{Store: files, err: err}
		_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
		b := jarOf(t, s)
		cookies := b.cookies(s.URL)
		store.down.Store(true)
		if resp, body := b.step(s.URL + "/me"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || strings.Contains(body, "refused") {
			t.Errorf("Require: got status %d, %q", resp.StatusCode, body)
		}
		if resp, body := b.open(s.URL + "/"); resp.StatusCode != 200 || body != "nobody" {
			t.Errorf("Wrap: got status %d, %q", resp.StatusCode, body)
		}
		if _, err := s.auth.Token(httptest.NewRecorder(), requestWith(cookies)); err == nil || errors.Is(err, login.ErrLoginRequired) {
			t.Errorf("Token: got %v", err)
		}
		other := newBrowser(t)
		if resp, _ := other.open(s.URL + "/login/fake"); resp.StatusCode != 503 {
			t.Errorf("login: got status %d", resp.StatusCode)
		}
		if got := b.cookies(s.URL); len(got) != 1 {
			t.Errorf("the cookie is gone: %v", got)
		}
		store.down.Store(false)
		if !loggedIn(t, s, b) {
			t.Error("not logged in when the Store is back")
		}
		// Logging out works without the Store, too.
		thief := newBrowser(t)
		thief.put(s, cookies)
		store.down.Store(true)
		r := navigationTo(s.URL + "/logout")
		r.Method = "POST"
		b.send(r)
		store.down.Store(false)
		if len(b.cookies(s.URL)) != 0 || loggedIn(t, s, thief) {
			t.Error("logged in after logging out while the Store was down")
		}
	}
}

// A record that somebody damaged is no session.
func TestStoreCorrupted(t *testing.T) {
	store, dir := fileStore(t)
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	b := newBrowser(t)
	b.put(s, jarOf(t, s).cookies(s.URL))
	for _, file := range records(t, dir) {
		if err := os.WriteFile(file, []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if resp, _ := b.step(s.URL + "/me"); resp.StatusCode != 303 {
		t.Errorf("got status %d, want a redirect to log in", resp.StatusCode)
	}
}

// The record of one session cannot be put under the handle of another.
func TestStoreRecordsSwapped(t *testing.T) {
	store, dir := fileStore(t)
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	ada := jarOf(t, s)
	first := records(t, dir)[0]
	jarOf(t, s)
	for _, file := range records(t, dir) {
		if file != first {
			content, _ := os.ReadFile(file)
			os.WriteFile(first, content, 0o600)
		}
	}
	if loggedIn(t, s, ada) {
		t.Error("logged in by the record of another session")
	}
}

// A Store that keeps everything in the cookie is no Store for large sessions.
func TestStoreOfCookies(t *testing.T) {
	f, s := newLogin(t, func(c *login.Config, _ *login.Provider) {
		store := sessions.NewCookieStore([]byte("store-key-0123456789abcdefghijkl"))
		for _, codec := range store.Codecs {
			codec.(*securecookie.SecureCookie).MaxLength(0)
		}
		c.Store = store
	})
	bigToken(f, 2500, 0, 0)
	if resp, _ := newBrowser(t).open(s.URL + "/login/fake"); resp.StatusCode != 500 || !strings.Contains(s.log.String(), "CookieStore") {
		t.Errorf("got status %d, log %s", resp.StatusCode, s.log)
	}
}

// T19: a Store that comes with an ID of its own does not get to keep it.
func TestStoreGetsFreshID(t *testing.T) {
	files, _ := fileStore(t)
	store := &plantingStore{Store: files}
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	jarOf(t, s)
	if store.saved == "" || store.saved == planted {
		t.Errorf("saved under ID %q", store.saved)
	}
}

const planted = "ATTACKERCHOSEN"

type plantingStore struct {
	sessions.Store
	saved string
}

func (s *plantingStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session, err := s.Store.New(r, name)
	if session.IsNew {
		session.ID = planted
	}
	return session, err
}

func (s *plantingStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	err := s.Store.Save(r, w, session)
	s.saved = session.ID
	return err
}

// One request asks the Store once, however many copies of a cookie it holds.
func TestStoreIsAskedOnce(t *testing.T) {
	files, _ := fileStore(t)
	store := &spyStore{Store: files}
	f, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	cookies := jarOf(t, s).cookies(s.URL)
	replica, err := login.New(login.Config{URL: s.URL, Key: testKey, Providers: []login.Provider{f.provider("fake")}, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	copies := ""
	for name, value := range cookies {
		copies = strings.Repeat(name+"="+value+"; ", 1000)
	}
	for _, h := range []http.Handler{s.auth, replica, replica.Require(http.NotFoundHandler())} {
		before := store.loads.Load()
		r := httptest.NewRequest("POST", "/logout", nil)
		r.Header.Set("Cookie", copies)
		h.ServeHTTP(httptest.NewRecorder(), r)
		if n := store.loads.Load() - before; n > 3 {
			t.Errorf("%T: got %d lookups", h, n)
		}
	}
}

// T24 with a Store: cookies that somebody tossed in, of sessions that have ended,
// hide nobody's own, and a logout ends all that are there.
func TestStoreBehindDeadHandles(t *testing.T) {
	files, dir := fileStore(t)
	_, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = files })
	value := func(end bool) (name, value string) {
		b := jarOf(t, s)
		for name, value = range b.cookies(s.URL) {
		}
		if end {
			r, _ := http.NewRequest("POST", s.URL+"/logout", nil)
			b.send(r)
		}
		return name, value
	}
	name, own := value(false)
	tossed := ""
	for range 3 {
		_, dead := value(true)
		tossed += name + "=" + dead + "; " + name + "=" + dead + "; "
	}
	ask := func(method, path string) int {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Cookie", tossed+name+"="+own)
		w := httptest.NewRecorder()
		s.Config.Handler.ServeHTTP(w, r)
		return w.Code
	}
	if got := ask("GET", "/me"); got != http.StatusOK {
		t.Errorf("got status %d, want 200", got)
	}
	if got := ask("POST", "/logout"); got != http.StatusSeeOther {
		t.Errorf("logout: got status %d, want 303", got)
	}
	if got := ask("GET", "/me"); got != http.StatusUnauthorized {
		t.Errorf("after the logout: got status %d, want 401", got)
	}
	if left := records(t, dir); len(left) > 0 {
		t.Errorf("got %d records in the store, want none", len(left))
	}
}

// T64: a Store that does not answer about one cookie is down, whatever it says of
// others.
func TestStoreDownForOne(t *testing.T) {
	files, dir := fileStore(t)
	store := &spyStore{Store: files, err: errors.New("dial tcp: connection refused")}
	f, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	cookies := ""
	for range 2 { // the second one's record will be missing
		for name, value := range jarOf(t, s).cookies(s.URL) {
			cookies += name + "=" + value + "; "
		}
	}
	store.downOnce.Store(true)
	for _, record := range records(t, dir) {
		os.Remove(record)
	}
	replica, err := login.New(login.Config{URL: s.URL, Key: testKey, Providers: []login.Provider{f.provider("fake")}, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/me", nil)
	r.Header.Set("Cookie", cookies)
	w := httptest.NewRecorder()
	replica.Require(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("got status %d, want 503", w.Code)
	}
}

// What a Store holds of a session opens as no cookie, not even at a site without a
// Store.
func TestStoredIdentityIsNoCookie(t *testing.T) {
	files, _ := fileStore(t)
	store := &spyStore{Store: files}
	f, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	cookies := jarOf(t, s).cookies(s.URL)
	stored, _ := store.saved.Load().(string)
	bare, err := login.New(login.Config{URL: s.URL, Key: testKey, Providers: []login.Provider{f.provider("fake")}})
	if err != nil {
		t.Fatal(err)
	}
	for name := range cookies {
		r := httptest.NewRequest("GET", "/me", nil)
		r.AddCookie(&http.Cookie{Name: name, Value: stored})
		w := httptest.NewRecorder()
		bare.Require(http.NotFoundHandler()).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || stored == "" {
			t.Errorf("got status %d for %q, want 401", w.Code, stored)
		}
	}
}

// Sessions that have ended elsewhere cost three lookups, however many there are.
func TestStoreIsAskedForFew(t *testing.T) {
	files, _ := fileStore(t)
	store := &spyStore{Store: files}
	f, s := newLogin(t, func(c *login.Config, _ *login.Provider) { c.Store = store })
	replica, err := login.New(login.Config{URL: s.URL, Key: testKey, Providers: []login.Provider{f.provider("fake")}, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	cookies := ""
	for range 5 {
		b := jarOf(t, s)
		for name, value := range b.cookies(s.URL) {
			cookies += name + "=" + value + "; "
		}
		r, _ := http.NewRequest("POST", s.URL+"/logout", nil)
		b.send(r)
	}
	before := store.loads.Load()
	r := httptest.NewRequest("GET", "/me", nil)
	r.Header.Set("Cookie", cookies)
	replica.Require(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	if n := store.loads.Load() - before; n != 3 {
		t.Errorf("got %d lookups, want 3", n)
	}
}

// B14, T19: where the callback is a POST from another site, which the session's
// cookies do not accompany, the session of before ends all the same.
func TestFormPostEndsOldSession(t *testing.T) {
	for _, withStore := range []bool{false, true} {
		f := newFakeProvider(t)
		p := f.provider("fake")
		p.Params = url.Values{"response_mode": {"form_post"}}
		c := login.Config{URL: "http://localhost:1", Key: testKey, Providers: []login.Provider{p}}
		files, dir := fileStore(t)
		if withStore {
			c.Store = files
		}
		a, err := login.New(c)
		if err != nil {
			t.Fatal(err)
		}
		jar := map[string]*http.Cookie{}
		keep := func(w *httptest.ResponseRecorder) {
			for _, c := range w.Result().Cookies() {
				if jar[c.Name] = c; c.MaxAge < 0 || strings.HasSuffix(c.Name, "-l") {
					delete(jar, c.Name)
				}
			}
		}
		logIn := func(access int) {
			bigToken(f, access, 0, 0)
			w, r := httptest.NewRecorder(), navigationTo("http://localhost:1/login/fake")
			for _, c := range jar { // a navigation from our own page: all come
				r.AddCookie(c)
			}
			a.ServeHTTP(w, r)
			keep(w)
			resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(w.Header().Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			u, _ := url.Parse(resp.Header.Get("Location"))
			r = httptest.NewRequest("POST", u.Path, strings.NewReader(u.RawQuery))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for _, c := range jar {
				if c.SameSite == http.SameSiteNoneMode {
					r.AddCookie(c)
				}
			}
			w = httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if w.Code != 303 {
				t.Fatalf("got status %d, %s", w.Code, w.Body)
			}
			keep(w)
		}
		logIn(3000)
		old := map[string]string{}
		for name, c := range jar {
			old[name] = c.Value
		}
		logIn(40)
		w := httptest.NewRecorder()
		a.Require(http.NotFoundHandler()).ServeHTTP(w, requestWith(old))
		if want := map[bool]int{false: 2, true: 1}[withStore]; w.Code != 401 || len(jar) != want || withStore && len(records(t, dir)) != 1 {
			t.Errorf("Store %v: the old session got status %d; %d cookies, want %d; %d records", withStore, w.Code, len(jar), want, len(records(t, dir)))
		}
	}
}
