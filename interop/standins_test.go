package interop_test

import (
	"strings"
	"testing"
)

// With nothing configured, people log in at the stand-ins: each button leads to
// one, where they choose who they are, and refuse or allow.
func TestStandIns(t *testing.T) {
	e := newExample(t)
	e.start(t)
	b := newBrowser(t)
	for _, test := range []struct{ button, heading, provider, user, email string }{
		{"GitHub", "Stand-in for GitHub", "github", "Grace Sample", "grace@example.test"},
		{"Facebook", "Stand-in for Facebook", "facebook", "Alan Specimen", "alan@example.test"},
		{"OpenID Connect", "Stand-in login provider", "oidc", "Grace Sample", "grace@example.test"},
	} {
		t.Run(test.provider, func(t *testing.T) {
			tab := b.newTab(t)
			tab.open(e.url)
			tab.press("Continue with " + test.button)
			tab.see(test.heading, test.user)
			if status := tab.press("Refuse"); status != 403 {
				t.Errorf("got status %d, want 403", status)
			}
			tab.see("Login cancelled", "Try again", "Back")
			tab.press("Try again")
			tab.see(test.heading)
			tab.tick(test.user)
			tab.press("Allow")
			tab.see(test.user, "logged in with "+test.button, test.email)
			if got, want := strings.TrimSuffix(tab.url(), "#"), e.url+"/me"; got != want {
				t.Errorf("got to %s, want %s", got, want)
			}
			tab.press("Sign out")
			tab.see("You are not logged in")
		})
	}
}

// Facebook appends "#_=_" to the redirect URL. The address bar does not show it
// after the login (R63). A permission that was unticked is not granted (R56).
func TestFacebookStandIn(t *testing.T) {
	e := newExample(t)
	e.start(t)
	tab := newBrowser(t).newTab(t)
	tab.open(e.url + "/login/facebook?next=/me")
	tab.see("Stand-in for Facebook")
	tab.tick("Ada Example")
	tab.tick("e-mail")
	tab.press("Allow")
	tab.see("Ada Example", "none given")
	if text := tab.text(); strings.Contains(text, "ada@example.test") {
		t.Errorf("the address is shown although it was refused: %s", text)
	}
	if got := eval[string](tab, "location.hash"); got != "" {
		t.Errorf("got the fragment %q, want none", got)
	}
}

// Back to the provider's page, and Allow a second time: the login that was
// finished already does not fail, the person is simply logged in (R22, T61).
func TestBackAndAllowAgain(t *testing.T) {
	for _, provider := range []string{"github", "facebook", "oidc"} {
		t.Run(provider, func(t *testing.T) {
			e := newExample(t)
			e.start(t)
			tab := newBrowser(t).newTab(t)
			tab.open(e.url + "/login/" + provider + "?next=/me")
			tab.tick("Ada Example")
			tab.press("Allow")
			tab.see("Ada Example")
			tab.back()
			tab.tick("Ada Example")
			if status := tab.press("Allow"); status != 200 {
				t.Errorf("got status %d, want 200", status)
			}
			tab.see("You are logged in as Ada Example")
		})
	}
}
