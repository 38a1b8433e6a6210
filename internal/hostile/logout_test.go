package hostile_test

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/hostile"
)

// logoutLimit is how long a logout may take.
const logoutLimit = 2*time.Second + 10*time.Millisecond

// logout turns the switch while somebody logs out. Whatever the provider does, the
// session here ends, in copies too, and that of somebody else does not.
func (t *trial) logout() {
	other, _ := t.loggedIn()
	defer other.client.CloseIdleConnections()
	b, l := t.loggedIn()
	defer b.client.CloseIdleConnections()
	if l == nil {
		return
	}
	time.Sleep(t.After)
	t.provider.Set(t.Faults)
	copied := b.copy()
	started := time.Now()
	answer := b.open(http.MethodPost, app+"/logout?next="+url.QueryEscape(t.Ask), http.Header{"Origin": {app}})
	if took := time.Since(started); took > logoutLimit {
		t.find("the logout took %v", took)
	}
	if answer.status != http.StatusSeeOther {
		t.find("the logout: got status %d, want 303", answer.status)
	}
	t.out(b, copied)
	t.silent(b, strings.ReplaceAll(answer.text, answer.location, withoutHint(answer.location)))
	if t.Group() == "revocation" {
		t.revoked(l, answer.location)
	} else {
		t.left(b, other, answer.location)
	}
	if u := t.private(other); !reflect.DeepEqual(u, hostile.Ada()) {
		t.find("the session of another login: got %+v, want Ada", u)
	}
}

// out wants the session of b to be gone, and a copy of its cookies to be worth
// nothing.
func (t *trial) out(b, copied *browser) {
	for _, name := range b.names() {
		t.find("the browser still has the cookie %s", name)
	}
	for _, b := range []*browser{b, copied} {
		if u := t.private(b); u != nil {
			t.find("the private page is open to %+v", u)
		}
	}
	got, _ := t.visit(copied, 1, "/token", limit)
	if len(got) != 1 || !errors.Is(got[0].err, login.ErrLoginRequired) {
		t.find("copied cookies: got %v, want an error that is %v", got, login.ErrLoginRequired)
	}
}

// withoutHint takes the ID token out of a URL.
func withoutHint(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return location
	}
	q := u.Query()
	q.Del("id_token_hint")
	u.RawQuery = q.Encode()
	return u.String()
}

// revoked wants the person to be at home, and somebody to be told if the provider
// may not have revoked the tokens of l.
func (t *trial) revoked(l *hostile.Login, location string) {
	if location != "/" {
		t.find("the logout leads to %q, want /", location)
	}
	time.Sleep(time.Minute)            // until those that did not return have
	known := t.Faults.Discovery == nil // where to revoke tokens
	if ended := t.provider.Ended(l); t.Accept && ended != known {
		t.find("the tokens: got revoked %v, want %v", ended, known)
	}
	warned := strings.Contains(t.site.log.String(), "reason=provider_logout_failed")
	if t.Adapt == nil && warned == t.Accept {
		t.find("got a warning %v, want %v: %s", warned, !t.Accept, t.site.log.String())
	}
	t.silent(new(browser), "")
}

// left follows a browser that was sent to the provider, and comes back. What it
// comes back with has no effect on anybody else who opens it.
func (t *trial) left(b, other *browser, location string) {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" && (t.Accept || t.Group() == "return") {
		t.find("the logout leads to %q, want the provider", location)
		return
	}
	if t.Group() == "end-session" && !t.Accept {
		if location != "/" {
			t.find("the logout leads to %q, want /", location)
		}
		return
	}
	if u.Scheme != "https" || u.Host != hostile.Host && u.Host != "accounts.example" {
		t.find("the logout leads to %q, want the provider", location)
	}
	back := t.provider.EndSession(u.Query())
	time.Sleep(back.Wait)
	want := "/"
	if strings.HasPrefix(t.Ask, "/bye") { // a page of the application
		want = t.Ask
	}
	for _, b := range []*browser{b, other} {
		answer := b.open(http.MethodGet, back.URL(), nil)
		home := answer.status == http.StatusSeeOther && answer.location == want
		page := answer.status == http.StatusOK && answer.location == ""
		if t.Accept && !home || !t.Accept && !page {
			t.find("the return: got status %d, location %q", answer.status, answer.location)
		}
		t.silent(b, answer.text)
	}
}
