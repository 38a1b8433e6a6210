package hostile_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/hostile"
	"golang.org/x/oauth2"
)

// An outcome is what the application got for a user.
type outcome struct {
	token *oauth2.Token
	err   error
}

// outcomes collects what came of pages that ask for tokens and APIs.
type outcomes struct {
	mu  sync.Mutex
	all []outcome
}

// taken returns those since the last call.
func (o *outcomes) taken() []outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.all
	o.all = nil
	return all
}

// note answers with a status that fits err, if there is one.
func (o *outcomes) note(w http.ResponseWriter, token *oauth2.Token, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, outcome{token, err})
	switch {
	case errors.Is(err, login.ErrLoginRequired):
		http.Error(w, err.Error(), http.StatusUnauthorized)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// pages are those of an application that acts as its users: /token asks for the
// token, and /api for what the query parameter ask says.
func (o *outcomes) pages(mux *http.ServeMux, token func(http.ResponseWriter, *http.Request) (*oauth2.Token, error), client func(http.ResponseWriter, *http.Request) (*http.Client, error)) {
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		t, err := token(w, r)
		o.note(w, t, err)
	})
	mux.HandleFunc("/api", func(w http.ResponseWriter, r *http.Request) {
		c, err := client(w, r)
		if err != nil {
			o.note(w, nil, err)
			return
		}
		resp, err := c.Get(r.URL.Query().Get("ask"))
		var body []byte
		if err == nil {
			defer resp.Body.Close()
			body, err = io.ReadAll(resp.Body)
		}
		if o.note(w, nil, err); err != nil {
			return
		}
		w.WriteHeader(resp.StatusCode)
		if resp.StatusCode == http.StatusOK {
			w.Write(body)
		}
	})
}

// loggedIn returns a browser in which Ada is logged in, and the login, as the
// provider knows it.
func (t *trial) loggedIn() (*browser, *hostile.Login) {
	b := newBrowser(t.network, t.provider)
	_, request := b.begin()
	if request == nil {
		t.find("no login begins")
		return b, nil
	}
	back := t.provider.Authorize(request)
	t.callback(b, back)
	if u := t.private(b); !reflect.DeepEqual(u, hostile.Ada()) {
		t.find("after the login: got %+v, want Ada", u)
	}
	return b, back.Login
}

// calls counts the requests for one step.
func (t *trial) calls(step string) int {
	n := 0
	for _, call := range t.provider.Calls() {
		if call == step {
			n++
		}
	}
	return n
}

// visit asks for a page n times at once, and wants an answer before limit. It
// returns what the application got, and the last page.
func (t *trial) visit(b *browser, n int, target string, limit time.Duration) ([]outcome, page) {
	var wg sync.WaitGroup
	var last page
	started := time.Now()
	for range n {
		wg.Go(func() {
			answer := b.open(http.MethodGet, app+target, nil)
			b.mu.Lock()
			defer b.mu.Unlock()
			last = answer
		})
	}
	wg.Wait()
	if took := time.Since(started); took > limit {
		t.find("%s took %v", target, took)
	}
	got := t.site.outcomes()
	text := last.text
	for _, o := range got {
		text += t.spoken(o.err)
	}
	t.silent(b, text)
	if len(got) != n {
		t.find("%s: got %d answers and %q, want %d", target, len(got), last.text, n)
	}
	return got, last
}

// spoken is all that err says, or would say to those who look into it.
func (t *trial) spoken(err error) string {
	if err == nil {
		return ""
	}
	text := fmt.Sprintf("%v %+v", err, err)
	if re, ok := errors.AsType[*oauth2.RetrieveError](err); ok && t.site.kinds {
		text += string(re.Body) + re.ErrorDescription + re.ErrorURI
		if re.Response != nil {
			text += re.Response.Status
		}
	}
	return text
}

// refresh turns the switch when the token of a login ends, and somebody asks for
// it, three times at once. Another login, whose token ends as well, must not suffer.
func (t *trial) refresh() {
	other, othersLogin := t.loggedIn()
	defer other.client.CloseIdleConnections()
	b, l := t.loggedIn()
	defer b.client.CloseIdleConnections()
	if l == nil || othersLogin == nil {
		return
	}
	t.provider.Set(t.Faults)
	if t.After == 0 {
		t.After = time.Hour
	}
	time.Sleep(t.After)
	copied := b.copy()
	got, _ := t.visit(b, 3, "/token", limit)
	if n := t.calls("refresh"); n != 1 && (n > 1 || t.site.kinds) {
		t.find("got %d requests for a refresh, want 1", n)
	}
	switch {
	case t.Accept:
		t.renewed(b, copied, l, got)
	case t.Ends:
		t.ended(b, copied, got)
	default:
		t.kept(b, copied, l, got)
	}
	t.provider.Set(hostile.Faults{})
	got, _ = t.visit(other, 1, "/token", limit)
	t.held("another login's token", got, othersLogin)
	if u := t.private(other); !reflect.DeepEqual(u, hostile.Ada()) {
		t.find("the session of another login: got %+v, want Ada", u)
	}
}

// held wants all outcomes to be tokens of l.
func (t *trial) held(what string, got []outcome, l *hostile.Login) {
	for _, o := range got {
		if o.err != nil || t.provider.Holder(o.token.AccessToken) != l {
			t.find("%s: got error %v, want a token of that login", what, o.err)
		}
	}
}

// renewed wants a new token for b, and for those who still have the old cookies,
// and the next ones an hour later.
func (t *trial) renewed(b, copied *browser, l *hostile.Login, got []outcome) {
	t.held("the renewed token", got, l)
	got, _ = t.visit(copied, 1, "/token", limit)
	t.held("the renewed token, with old cookies", got, l)
	if n := t.calls("refresh"); n > 1 {
		t.find("with old cookies: got %d requests for a refresh, want 1", n)
	}
	t.provider.Set(hostile.Faults{})
	for range 2 {
		time.Sleep(time.Hour)
		got, _ = t.visit(b, 1, "/token", limit)
		t.held("the token after that", got, l)
	}
	if u := t.private(b); !reflect.DeepEqual(u, hostile.Ada()) {
		t.find("the session: got %+v, want Ada", u)
	}
}

// ended wants the session to have ended, in copies too, and nobody to ask the
// provider again.
func (t *trial) ended(b, copied *browser, got []outcome) {
	for _, o := range got {
		if o.err == nil || t.site.kinds && !errors.Is(o.err, login.ErrLoginRequired) {
			t.find("got error %v, want one that is %v", o.err, login.ErrLoginRequired)
		}
	}
	for _, name := range b.names() {
		t.find("the browser still has the cookie %s", name)
	}
	for _, b := range []*browser{b, copied} {
		if u := t.private(b); u != nil {
			t.find("the private page is open to %+v", u)
		}
	}
	time.Sleep(time.Minute)
	before := t.calls("refresh")
	got, _ = t.visit(copied, 1, "/token", limit)
	if got[0].err == nil || t.calls("refresh") != before {
		t.find("copied cookies: got error %v and %d requests more, want one that is %v and none",
			got[0].err, t.calls("refresh")-before, login.ErrLoginRequired)
	}
}

// kept wants the session to go on without a token, the provider not to be asked
// again at once, and the next try to succeed.
func (t *trial) kept(b, copied *browser, l *hostile.Login, got []outcome) {
	again, _ := t.visit(b, 1, "/token", limit)
	for _, o := range append(got, again...) {
		fits := errors.Is(o.err, login.ErrProvider) && !errors.Is(o.err, login.ErrLoginRequired) && !errors.Is(o.err, login.ErrNoToken)
		if o.err == nil || t.site.kinds && !fits {
			t.find("got error %v, want one that is %v alone", o.err, login.ErrProvider)
		}
	}
	if n := t.calls("refresh"); n != 1 {
		t.find("a moment later: got %d requests for a refresh, want 1", n)
	}
	for _, b := range []*browser{b, copied} {
		if u := t.private(b); !reflect.DeepEqual(u, hostile.Ada()) {
			t.find("the session: got %+v, want Ada", u)
		}
	}
	t.provider.Set(hostile.Faults{})
	time.Sleep(time.Minute)
	got, _ = t.visit(b, 1, "/token", limit)
	t.held("the next try", got, l)
	if n := t.calls("refresh"); n != 2 {
		t.find("the next try: got %d requests for a refresh, want 2", n)
	}
}

// apiLimit is how long an API may take, which the application asks in its own time.
const apiLimit = 31 * time.Second

// api turns the switch when the application asks an API as the user.
func (t *trial) api() {
	b, l := t.loggedIn()
	defer b.client.CloseIdleConnections()
	if l == nil {
		return
	}
	t.provider.Set(t.Faults)
	_, answer := t.visit(b, 1, "/api?ask="+url.QueryEscape(t.Ask), apiLimit)
	if got := answer.status == http.StatusOK && strings.Contains(answer.body, hostile.Ada().ID); got != t.Accept {
		t.find("the API, asked as Ada: got %v with status %d, want %v", got, answer.status, t.Accept)
	}
	if u := t.private(b); !reflect.DeepEqual(u, hostile.Ada()) {
		t.find("the session: got %+v, want Ada", u)
	}
	want := 0
	if answer.status == http.StatusUnauthorized { // then the next call renews the token
		want = 1
	}
	t.provider.Set(hostile.Faults{})
	if _, answer = t.visit(b, 1, "/api?ask="+url.QueryEscape(hostile.Issuer+"/api/me"), apiLimit); answer.status != http.StatusOK {
		t.find("the API, asked again: got status %d, want 200", answer.status)
	}
	if n := t.calls("refresh"); n != want {
		t.find("got %d requests for a refresh, want %d", n, want)
	}
}
