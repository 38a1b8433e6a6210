package interop_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// otherProviders are those that run in this process.
var otherProviders = []struct {
	name  string
	start func(t *testing.T, url string) *goProvider
}{
	{"zitadel", startZitadel},
	{"dex", startDex},
}

// People log in at providers that others have written, on the provider's own
// pages: after a wrong password, after refusing, and again after signing out, as
// themselves and as somebody whose address nobody vouches for (R1, R12, R60).
func TestOtherProviders(t *testing.T) {
	all := newBrowser(t)
	for _, other := range otherProviders {
		t.Run(other.name, func(t *testing.T) {
			e := newExample(t)
			p := other.start(t, e.url)
			e.start(t, p.env()...)
			b := all.anotherPerson(t)
			tab := b.newTab(t)
			ada, alan := p.people[0], p.people[1]

			tab.open(e.url)
			tab.press("Continue with " + p.label)
			flows := own(b)
			p.signIn(tab, ada.login, "a wrong password")
			tab.reads(p.wrong)
			p.pass(tab, ada)
			p.checkProfile(tab, b, e, ada)
			p.checkMessages(t, ada)
			checkCookies(t, flows, own(b))
			tab.press("Home")
			tab.see("You are logged in as " + ada.name)
			tab.press("Sign out")
			tab.see("You are not logged in")
			if got := own(b); len(got) > 0 {
				t.Errorf("got cookies after signing out: %v", got)
			}

			tab.press("Continue with " + p.label)
			p.refuse(tab, ada)
			p.pass(tab, ada)
			p.checkProfile(tab, b, e, ada)
			tab.press("Sign out")
			tab.press("Continue with " + p.label)
			p.pass(tab, alan)
			p.checkProfile(tab, b, e, alan)
			p.checkNoSecret(t, "the page", eval[string](tab, "document.documentElement.outerHTML"))
			p.checkNoSecret(t, "the log", e.text())
		})
	}
}

// A code is worth nothing without the verifier that belongs to it (A2): these
// providers check it, and what comes of it is a page, a line in the log, and
// nobody who is logged in. The same holds if somebody takes the challenge out of
// the authorization request, in the hope that the verifier is then not looked at
// (RFC 9700 section 4.8).
func TestOtherProvidersCheckPKCE(t *testing.T) {
	all := newBrowser(t)
	changes := []struct {
		name       string
		ask, token func(url.Values)
	}{
		{"another verifier", nil, func(v url.Values) { v.Set("code_verifier", strings.Repeat("v", 43)) }},
		{"no verifier", nil, func(v url.Values) { v.Del("code_verifier") }},
		{"no challenge", func(v url.Values) { v.Del("code_challenge"); v.Del("code_challenge_method") }, nil},
	}
	for _, other := range otherProviders {
		t.Run(other.name, func(t *testing.T) {
			e := newExample(t)
			p := other.start(t, e.url)
			e.start(t, p.env()...)
			for _, change := range changes {
				b := all.anotherPerson(t)
				tab := b.newTab(t)
				p.spoil(change.ask, change.token)
				tab.open(e.url + "/login/oidc?next=/me")
				p.pass(tab, p.people[0])
				tab.see("Login is not possible right now")
				if got := own(b); len(got) > 0 {
					t.Errorf("%s: got cookies: %v", change.name, got)
				}
				if _, _, answer := p.last(t); answer.status != 400 || answer.values["error"] == "" {
					t.Errorf("%s: got the answer %v, want an error", change.name, answer)
				}
				p.checkNoSecret(t, "the page", eval[string](tab, "document.documentElement.outerHTML"))
			}
			if n := strings.Count(e.text(), "exchange_failed"); n != len(changes) {
				t.Errorf("got %d lines in the log, want %d:\n%s", n, len(changes), e.text())
			}
			p.checkNoSecret(t, "the log", e.text())
		})
	}
}

// typeLogin fills in a login form, in place of what it holds.
func (b *tab) typeLogin(login, pw string) {
	b.t.Helper()
	for name, text := range map[string]string{"login": login, "password": pw} {
		field := "input[name=" + name + "]"
		eval[bool](b, `(document.querySelector("`+field+`").value = "") === ""`)
		run(b, "type the "+name, chromedp.SendKeys(chromedp.CSS(field), text))
	}
}

// reads fails the test unless the page, which may be anybody's, has these texts.
func (b *tab) reads(texts ...string) {
	b.t.Helper()
	have := b.text()
	for _, text := range texts {
		if !strings.Contains(have, text) {
			b.t.Fatalf("got a page without %q\n%s", text, b.where())
		}
	}
}

// pass goes through the provider's pages, from the login page on.
func (p *goProvider) pass(b *tab, who person) {
	b.t.Helper()
	p.signIn(b, who.login, password)
	p.approve(b)
}

// checkProfile fails the test unless /me shows the person at the browser who they
// are, and tells it to programs that have the browser's cookies.
func (p *goProvider) checkProfile(b *tab, jar *browser, e *example, who person) {
	b.t.Helper()
	vouched, email := "verified", who.email
	if who.unverified {
		vouched, email = "not verified by the provider", ""
	}
	b.see(who.name, "logged in with "+p.label, who.id, who.username, who.email+" "+vouched, "Bearer")
	if got, want := b.url(), e.url+"/me"; got != want {
		b.t.Errorf("got to %s, want %s", got, want)
	}
	got := profileOf(b.t, e, jar)
	token, _ := got["token"].(map[string]any)
	delete(got, "token")
	want := map[string]any{
		"provider": "oidc", "id": who.id, "username": who.username, "name": who.name, "email": email, "picture": "",
	}
	if !reflect.DeepEqual(got, want) {
		b.t.Errorf("got %v, want %v", got, want)
	}
	var scopes []any
	for _, s := range allScopes() {
		scopes = append(scopes, s)
	}
	if token["type"] != "Bearer" || token["expiry"] == nil || !reflect.DeepEqual(token["scopes"], scopes) {
		b.t.Errorf("got the token %v, want a Bearer token that expires, for %v", token, scopes)
	}
}

// profileOf asks for /me as a program does that has the cookies of a browser.
func profileOf(t *testing.T, e *example, b *browser) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(bounded(t), "GET", e.url+"/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	for _, c := range own(b) {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	response, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var v map[string]any
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got status %d, %v", response.StatusCode, err)
	}
	return v
}

// checkMessages looks at what the application and the provider said to each other
// in the last login: PKCE, a nonce, the secret in the header alone, a refresh token
// as it was asked for, and the ID token that startZitadel and startDex describe.
func (p *goProvider) checkMessages(t *testing.T, who person) {
	t.Helper()
	ask, request, answer := p.last(t)
	if ask.Get("code_challenge_method") != "S256" || len(ask.Get("code_challenge")) != 43 || ask.Get("nonce") == "" {
		t.Errorf("got the authorization request %v, want one with PKCE and a nonce", ask)
	}
	if _, _, ok := (&http.Request{Header: request.header}).BasicAuth(); !ok || request.values["client_secret"] != "" {
		t.Error("want the client secret in the header, and nowhere else")
	}
	if answer.values["refresh_token"] == "" {
		t.Error("got no refresh token, although offline_access was asked for")
	}
	got := claims(t, answer.values["id_token"])
	azp, _ := got["azp"].(string)
	if got["alg"] != p.alg || got["sub"] != who.id || azp != p.azp {
		t.Errorf("got an ID token with alg %v, sub %v and azp %q, want %s, %s and %q", got["alg"], got["sub"], azp, p.alg, who.id, p.azp)
	}
}
