package interop_test

import (
	"os"
	"testing"
)

// A place is a page, and the way there for somebody who has just opened a browser.
type place struct {
	name    string
	heading string
	way     func(*tab)
}

// Every page there is has one heading and a language, fits a phone, can be used
// with the keyboard alone, is readable in both colour schemes, breaks no rule of
// its own Content-Security-Policy, and works without pictures. Pictures of all of
// them are in the folder screenshots.
func TestPages(t *testing.T) {
	if err := os.MkdirAll("screenshots", 0o755); err != nil {
		t.Fatal(err)
	}
	alone := newExample(t)
	alone.start(t)
	with, provider := startBoth(t)
	dead := newExample(t)
	dead.start(t, append(provider.env(), "OIDC_ISSUER=http://"+freeAddr(t))...)

	places := append(standInPlaces(alone), profilePlaces(with)...)
	places = append(places, place{"error-provider-down", "Login is not possible right now", func(b *tab) {
		b.open(dead.url + "/login/oidc?next=/me")
	}})
	b := newBrowser(t)
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			tab := b.anotherPerson(t).newTab(t)
			p.way(tab)
			tab.see(p.heading)
			tab.audit(p.name, screens)

			tab = b.anotherPerson(t).newTab(t)
			tab.blockImages()
			p.way(tab)
			tab.see(p.heading)
			if n := eval[int](tab, `[...document.images].filter((i) => i.naturalWidth > 0).length`); n > 0 {
				t.Errorf("%d images are there although they are blocked", n)
			}
			tab.audit(p.name+".no-images", screens[:1])
		})
	}
}

// standInPlaces are the pages of an example with nothing configured.
func standInPlaces(e *example) []place {
	at := func(path string) func(*tab) { return func(b *tab) { b.open(e.url + path) } }
	loggedIn := func(provider string, then ...string) func(*tab) {
		return func(b *tab) {
			b.open(e.url + "/login/" + provider + "?next=/me")
			b.tick("Grace Sample")
			b.press("Allow")
			for _, path := range then {
				b.open(e.url + path)
			}
		}
	}
	return []place{
		{"home", "You are not logged in", at("/")},
		{"home-logged-in", "You are logged in as Grace Sample", loggedIn("github", "/")},
		{"chooser", "Log in", at("/login?next=/me")},
		{"stand-in-github", "Stand-in for GitHub", at("/login/github")},
		{"stand-in-facebook", "Stand-in for Facebook", at("/login/facebook")},
		{"stand-in-oidc", "Stand-in login provider", at("/login/oidc")},
		{"me-github", "Grace Sample", loggedIn("github")},
		{"me-facebook", "Grace Sample", loggedIn("facebook")},
		{"me-oidc", "Grace Sample", loggedIn("oidc")},
		{"refused", "Login cancelled", func(b *tab) {
			b.open(e.url + "/login/github?next=/me")
			b.press("Refuse")
		}},
		{"error-bad-callback", "This login did not work", at("/callback/github?code=x&state=y")},
		{"error-not-found", "Page not found", at("/login/nobody")},
		{"sign-out", "Sign out?", loggedIn("github", "/logout")},
		{"sign-out-anonymous", "You are not logged in", at("/logout")},
	}
}

// profilePlaces are profile pages of an example at a provider where people have
// any name, and a picture: an ordinary one, and one that nobody has planned for.
func profilePlaces(e *example) []place {
	long := "wolfeschlegelsteinhausenbergerdorffvoralternwarengewissenhaftschaferswessenschafewarenwohlgepflege"
	profile := func(name string, then string) func(*tab) {
		return func(b *tab) {
			b.logIn(e, name)
			b.open(e.url + then)
		}
	}
	return []place{
		{"me-picture", "Ada Example", profile("ada", "/me")},
		{"me-long", displayName(long), profile(long, "/me")},
		{"home-long", "You are logged in as " + displayName(long), profile(long, "/")},
		{"sign-out-long", "Sign out?", profile(long, "/logout")},
	}
}
