package interop_test

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Who signs out signs out of the provider too, and comes back to where they wanted to
// go; what they came with is worth nothing any more, there and here; and the next
// login asks for the password (I2, I10).
func TestEndSession(t *testing.T) {
	if err := os.MkdirAll("screenshots", 0o755); err != nil {
		t.Fatal(err)
	}
	all := newBrowser(t)
	for _, kind := range []string{"cookies", "files"} {
		t.Run(kind, func(t *testing.T) {
			s := newEndingSite(t, kind == "files", startEnding(t))
			b := all.anotherPerson(t)
			tab := b.newTab(t)
			tab.open(s.url + "/login/oidc?next=/private")
			tab.signIn("ada")
			tab.press("Continue")
			tab.reads("Hello, Ada Example, at /private!")
			before := own(b)
			if got := s.read(t, "/private", before); got != "Hello, Ada Example, at /private!" {
				t.Errorf("a copy of the cookies before: got %q, want Ada", got)
			}

			tab.open(s.url + "/logout?next=/bye%3Fx=1")
			tab.see("Sign out?", "You are logged in as Ada Example")
			tab.audit("sign-out-end-session", screens)
			tab.press("Sign out")
			tab.see("Sign out", "Do you want to sign out of the provider, too?")
			tab.picture("provider-end-session")
			s.checkEndSession(tab)
			if got := s.read(t, "/private", before); got != "Hello, nobody, at /private!" {
				t.Errorf("a copy of the cookies: got %q, want nobody", got)
			}
			if got := own(b); len(got) > 0 {
				t.Errorf("got cookies after signing out: %v", got)
			}
			s.checkRevoked(t) // before the provider has ended anything else

			tab.press("Yes, sign me out")
			tab.reads("Hello, nobody, at /bye?x=1!")
			tab.lastVisit(s.url + "/logout?state=")
			tab.open(s.url + "/login/oidc?next=/private")
			tab.see("Sign in")
			tab.signIn("alan")
			tab.press("Continue")
			tab.reads("Hello, Alan Example, at /private!")
		})
	}
}

// Who stays signed in at the provider is signed out here all the same.
func TestEndSessionHereOnly(t *testing.T) {
	s := newEndingSite(t, false, startEnding(t))
	b := newBrowser(t)
	tab := b.newTab(t)
	tab.open(s.url + "/login/oidc?next=/private")
	tab.signIn("ada")
	tab.press("Continue")
	tab.open(s.url + "/logout?next=/bye")
	tab.press("Sign out")
	tab.press("No, stay signed in")
	tab.reads("Hello, nobody, at /bye!")
	s.checkRevoked(t)
	tab.open(s.url + "/login/oidc?next=/private")
	tab.see("Authorize") // not the password, but what was revoked
	tab.press("Continue")
	tab.reads("Hello, Ada Example, at /private!")
}

// Whoever comes back from the provider with a wrong state or without one finds a good
// page of this site (I3), and nobody is signed out, or sent elsewhere, by a link.
func TestReturnFromEndSession(t *testing.T) {
	s := newEndingSite(t, false, startEnding(t))
	tab := newBrowser(t).newTab(t)
	logIn := func() {
		tab.open(s.url + "/login/oidc?next=/private")
		tab.signIn("ada")
		tab.press("Continue")
		tab.reads("Hello, Ada Example, at /private!")
	}
	var genuine string
	for _, change := range []func(url.Values){
		func(q url.Values) { q.Set("state", "another") },
		func(q url.Values) { q.Set("state", "//evil.example/") },
		func(q url.Values) { q.Del("state") },
	} {
		logIn()
		tab.open(s.url + "/logout?next=/bye")
		tab.press("Sign out")
		u := s.checkEndSession(tab)
		q := u.Query()
		genuine = q.Get("state")
		change(q)
		u.RawQuery = q.Encode()
		tab.open(u.String())
		if status := tab.press("Yes, sign me out"); status != 200 {
			t.Errorf("got status %d, want 200", status)
		}
		tab.see("You are not logged in")
		if got := tab.url(); !strings.HasPrefix(got, s.url+"/logout") {
			t.Errorf("got to %s, want /logout", got)
		}
	}
	tab.audit("sign-out-returned-without-state", screens)

	logIn()
	for _, state := range []string{"another", ""} {
		tab.open(s.url + "/logout?state=" + state)
		tab.see("Sign out?", "You are logged in as Ada Example")
	}
	tab.open(s.url + "/logout?state=" + url.QueryEscape(genuine))
	tab.reads("Hello, Ada Example, at /bye!")
}

// knowsReturn is the storage of a zitadel provider whose clients may be sent back to
// that URL after signing out.
type knowsReturn struct {
	*storage.Storage
	to string
}

func (s knowsReturn) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	return returningClient{c, s.to}, err
}

type returningClient struct {
	op.Client
	to string
}

func (c returningClient) PostLogoutRedirectURIs() []string { return []string{c.to} }

// The same at zitadel's op, which asks nobody, and sends people back at once.
func TestEndSessionAtZitadel(t *testing.T) {
	var p *goProvider
	s := newEndingSite(t, false, func(url string) string {
		p = startZitadelWith(t, url, func(s *storage.Storage) op.Storage { return knowsReturn{s, url + "/logout"} })
		return p.issuer
	})
	b := newBrowser(t)
	tab := b.newTab(t)
	tab.open(s.url + "/login/oidc?next=/private")
	p.pass(tab, p.people[0])
	tab.reads("Hello, Ada Example, at /private!")
	tab.open(s.url + "/logout?next=/bye")
	tab.press("Sign out")
	tab.reads("Hello, nobody, at /bye!")
	s.checkEndSession(tab)
	tab.lastVisit(s.url + "/logout?state=")
	s.checkRevoked(t)
	if got := own(b); len(got) > 0 {
		t.Errorf("got cookies after signing out: %v", got)
	}
}
