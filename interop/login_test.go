package interop_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// signIn fills in the provider's login form.
func (b *tab) signIn(name string) int64 {
	b.t.Helper()
	b.see("Sign in")
	run(b, "type the name", chromedp.SendKeys(chromedp.CSS("input[name=login]"), name))
	run(b, "type the password", chromedp.SendKeys(chromedp.CSS("input[name=password]"), "any"))
	return b.press("Sign in")
}

// logIn goes through login and consent, and ends on the profile page.
func (b *tab) logIn(e *example, name string) {
	b.t.Helper()
	b.open(e.url + "/login/oidc?next=/me")
	b.signIn(name)
	b.see("Authorize", "openid profile email")
	b.press("Continue")
	b.see(displayName(name))
}

// displayName is what the provider calls whoever logs in under name.
func displayName(name string) string {
	return strings.ToUpper(name[:1]) + name[1:] + " Example"
}

// A person logs in from the home page with consent, is known on the profile page
// and everywhere else, and is nobody again after signing out (R1, R12, R36). With
// both signature algorithms, and with the profile at the userinfo endpoint only.
func TestLoginWithConsent(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256"} {
		t.Run(alg, func(t *testing.T) {
			e, p := startBoth(t, "ALG="+alg)
			b := newBrowser(t)
			tab := b.newTab(t)
			tab.open(e.url)
			tab.see("You are not logged in")
			tab.press("Continue with Example ID")
			tab.signIn("ada")
			tab.press("Continue")
			tab.see("Ada Example", "ada@example.test", "verified", "Bearer", "openid")
			if got, want := tab.url(), e.url+"/me"; got != want {
				t.Errorf("got to %s, want %s", got, want)
			}
			picture := eval[string](tab, `[...document.images].filter((i) => i.naturalWidth > 0).map((i) => i.src).join()`)
			if want := p.issuer + "/picture/ada.svg"; picture != want {
				t.Errorf("got the picture %q, want %q", picture, want)
			}
			tab.press("Home")
			tab.see("You are logged in as Ada Example")
			tab.press("Sign out")
			tab.see("You are not logged in")
			if got := own(b); len(got) > 0 {
				t.Errorf("got cookies after signing out: %v", got)
			}
		})
	}
}

// own returns the cookies of the application.
func own(b *browser) []*network.Cookie {
	var cookies []*network.Cookie
	for _, c := range b.cookies() {
		if c.Domain == "localhost" {
			cookies = append(cookies, c)
		}
	}
	return cookies
}

// The browser really keeps the cookies with the attributes that were meant, no
// script sees any, and nothing is left of the login attempt.
func TestCookiesInTheBrowser(t *testing.T) {
	e, _ := startBoth(t)
	b := newBrowser(t)
	tab := b.newTab(t)
	tab.open(e.url + "/login/oidc")
	flows := own(b)
	if len(flows) != 1 {
		t.Errorf("got %d cookies during the login, want 1", len(flows))
	}
	tab.signIn("ada")
	tab.press("Continue")
	checkCookies(t, flows, own(b))
	if got := eval[string](tab, "document.cookie"); got != "" {
		t.Errorf("scripts see %q", got)
	}
}

// checkCookies looks at the cookies of a login attempt, and those after it.
func checkCookies(t *testing.T, flows, cookies []*network.Cookie) {
	t.Helper()
	if len(cookies) < 2 {
		t.Fatalf("got %d cookies, want an identity and a token", len(cookies))
	}
	for _, c := range append(flows, cookies...) {
		if !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || c.Path != "/" || c.Session {
			t.Errorf("got the cookie %s with HttpOnly %v, SameSite %q, Path %q, Session %v", c.Name, c.HTTPOnly, c.SameSite, c.Path, c.Session)
		}
		if !strings.HasPrefix(c.Name, "login-") || strings.Contains(c.Value, "ada") {
			t.Errorf("got the cookie %s = %s", c.Name, c.Value)
		}
	}
	for _, c := range cookies {
		for _, f := range flows {
			if c.Name == f.Name {
				t.Errorf("the cookie %s of an attempt is still there", c.Name)
			}
		}
	}
}

// Who refuses, at the login form or at the consent page, reads so in our words
// and can try again or go back (R60, T43).
func TestRefuse(t *testing.T) {
	e, _ := startBoth(t)
	b := newBrowser(t)
	for _, consent := range []bool{false, true} {
		tab := b.newTab(t)
		tab.open(e.url + "/login/oidc?next=/me%3Fx=1")
		if consent {
			tab.signIn("ada")
			tab.see("Authorize")
		}
		if status := tab.press("[ Cancel ]"); status != 403 {
			t.Errorf("got status %d, want 403", status)
		}
		tab.see("Login cancelled", "Example ID", "Try again", "Back")
		if text := tab.text(); strings.Contains(text, "The person") {
			t.Errorf("the page repeats the provider's words: %s", text)
		}
		tab.press("Back")
		tab.see("You are not logged in")
		tab.back()
	}
	tab := b.newTab(t)
	tab.open(e.url + "/login/oidc?next=/me%3Fx=1")
	tab.press("[ Cancel ]")
	tab.press("Try again")
	if heading := eval[string](tab, `document.querySelector("h1").innerText`); heading == "Sign in" {
		tab.signIn("ada")
	}
	tab.press("Continue")
	tab.see("Ada Example")
	if got, want := tab.url(), e.url+"/me?x=1"; got != want {
		t.Errorf("got to %s, want %s", got, want)
	}
}

// Five logins begun one after the other finish in reverse order, each where it
// wanted to go (T61).
func TestTabsInReverseOrder(t *testing.T) {
	e, _ := startBoth(t)
	b := newBrowser(t)
	var tabs []*tab
	names := strings.Fields("a b c d e")
	for _, name := range names {
		tab := b.newTab(t)
		tab.open(e.url + "/login/oidc?next=/me%3Ftab=" + name)
		tab.see("Sign in")
		tabs = append(tabs, tab)
	}
	for i := len(tabs) - 1; i >= 0; i-- {
		tabs[i].signIn("ada")
		if i == len(tabs)-1 {
			tabs[i].press("Continue")
		}
		tabs[i].see("Ada Example")
		if got, want := tabs[i].url(), e.url+"/me?tab="+names[i]; got != want {
			t.Errorf("got to %s, want %s", got, want)
		}
	}
	for _, tab := range tabs {
		tab.reload()
		tab.see("Ada Example")
	}
}

// Who logs in as somebody else in a second tab is that person in both (T61).
func TestSecondTabAsSomebodyElse(t *testing.T) {
	e := newExample(t)
	e.start(t)
	b := newBrowser(t)
	first, second := b.newTab(t), b.newTab(t)
	for _, tab := range []*tab{first, second} {
		tab.open(e.url + "/login/github?next=/me")
	}
	second.tick("Grace Sample")
	second.press("Allow")
	second.see("Grace Sample")
	first.tick("Alan Specimen")
	first.press("Allow")
	first.see("Alan Specimen")
	second.reload()
	second.see("Alan Specimen")
}

// The Back button after a login leads to pages that are good, and the callback's
// URL does no harm when it is opened again: to the person who has just logged in
// it shows the home page, and to others it gives nothing (R22).
func TestBackAndReload(t *testing.T) {
	e, _ := startBoth(t)
	b := newBrowser(t)
	tab := b.newTab(t)
	tab.logIn(e, "ada") // the provider knows her from now on
	tab.press("Sign out")
	tab.press("Continue with Example ID")
	tab.see("Ada Example")
	tab.back()
	tab.see("You are logged in as Ada Example")

	callback := tab.lastVisit(e.url + "/callback/oidc?")
	for range 2 {
		if status := tab.open(callback); status != 200 {
			t.Errorf("got status %d, want 200", status)
		}
		tab.see("You are logged in as Ada Example")
	}
	tab.reload()
	tab.see("You are logged in as Ada Example")

	stranger := b.anotherPerson(t)
	other := stranger.newTab(t)
	if status := other.open(callback); status != 400 {
		t.Errorf("got status %d, want 400", status)
	}
	other.see("This login did not work", "Try again")
	if got := own(stranger); len(got) > 0 {
		t.Errorf("a stranger got cookies: %v", got)
	}
	other.press("Try again")
	other.see("Sign in")
}

// The library's own page signs people out, a form on another site does not.
func TestSignOutPage(t *testing.T) {
	e := newExample(t)
	e.start(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<title>Elsewhere</title><form method="post" action="%s/logout"><button>Win</button></form>`, e.url)
	}))
	defer elsewhere.Close()
	tab := newBrowser(t).newTab(t)
	tab.open(e.url + "/login/github?next=/me")
	tab.press("Allow")
	tab.see("Ada Example")
	tab.open(elsewhere.URL)
	if status := tab.press("Win"); status != 403 {
		t.Errorf("got status %d, want 403", status)
	}
	tab.see("This request is not allowed")
	tab.open(e.url + "/logout?next=/login")
	tab.see("Sign out?", "You are logged in as Ada Example")
	tab.press("Sign out")
	tab.see("You are not logged in")
}

// While the provider is down, people are still who they are, and can sign out
// (T51b).
func TestProviderDown(t *testing.T) {
	e, p := startBoth(t)
	tab := newBrowser(t).newTab(t)
	tab.blockImages() // they are the provider's
	tab.logIn(e, "ada")
	p.stop()
	tab.reload()
	tab.see("Ada Example", "ada@example.test")
	tab.press("Home")
	tab.see("You are logged in as Ada Example")
	tab.press("Sign out")
	tab.see("You are not logged in")
}

// Behind a proxy that ends TLS, cookies are Secure and bound to the host, and
// after signing out the Back button shows nothing of the person any more.
func TestBehindTLS(t *testing.T) {
	e, trusted := newExampleBehindTLS(t)
	e.start(t)
	b := newBrowser(t, trusted)
	tab := b.newTab(t)
	tab.open(e.url + "/login/github?next=/")
	tab.tick("Ada Example")
	tab.press("Allow")
	tab.see("You are logged in as Ada Example")
	cookies := own(b)
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-login-") || !c.Secure || !c.HTTPOnly {
			t.Errorf("got the cookie %s with Secure %v, HttpOnly %v", c.Name, c.Secure, c.HTTPOnly)
		}
	}
	if len(cookies) < 2 {
		t.Errorf("got %d cookies, want an identity and a token", len(cookies))
	}
	// Chromium keeps pages for the Back button in spite of no-store, until an
	// HttpOnly cookie changes. It misses the change for a page that a redirect from
	// another site has led to, so this is not about the first page after the login.
	tab.press("Your profile")
	tab.see("Ada Example")
	tab.press("Sign out")
	tab.see("You are not logged in")
	if got := own(b); len(got) > 0 {
		t.Errorf("got cookies after signing out: %v", got)
	}
	tab.back()
	tab.see("Log in", "Continue with GitHub")
	for _, c := range tab.takeComplaints() {
		if !strings.Contains(c, "Mixed Content") { // the pictures of stand-ins, which have no TLS
			t.Errorf("the browser complains: %s", c)
		}
	}
}
