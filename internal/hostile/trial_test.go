package hostile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/hostile"
)

// A site is the application whose logins are tried: under app, with /login/op,
// /callback/op and, for those who are logged in, /private, which says who they
// are.
type site struct {
	handler http.Handler
	close   func()

	log      *syncBuffer
	failures func() []error // since the last call; nil: it cannot tell
	begun    string         // what the names of cookies of open logins hold
	replays  bool           // it claims to notice them
	kinds    bool           // its errors tell who is to blame
	outcomes func() []outcome
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func (b *syncBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// A trial turns one switch on a site and collects what went wrong with it.
type trial struct {
	hostile.Switch
	network  *hostile.Network
	provider *hostile.Provider
	site     *site
	findings []string
}

func (t *trial) find(format string, args ...any) {
	t.findings = append(t.findings, fmt.Sprintf(format, args...))
}

// limit is how long an answer may take: the deadline of all that is asked of a
// provider for one request, and what the browser itself waits.
const limit = 11 * time.Second

// newTrial makes a provider, the application and the network between them.
func newTrial(s hostile.Switch, keys *hostile.Keys, newSite func(hostile.Switch, *hostile.Network) *site) *trial {
	n := hostile.NewNetwork()
	t := &trial{Switch: s, network: n, provider: hostile.New(n, keys, app+"/callback/op")}
	t.provider.PostLogoutURI = app + "/logout"
	t.site = newSite(s, n)
	n.Serve(appHost, t.site.handler)
	return t
}

func (t *trial) close() {
	t.site.close()
	t.network.Close()
	time.Sleep(time.Minute) // until everybody has gone
}

// run turns the switch between two good logins.
func (t *trial) run() []string {
	defer t.close()
	cold := t.Group() == "discovery" && t.After == 0
	if !cold { // which would make the client know the metadata
		t.good("before")
	}
	if !afterLogin(t.Switch) {
		time.Sleep(t.After)
	}
	asked := t.count(&t.Faults)
	switch group := t.Group(); {
	case group == "refresh":
		t.refresh()
	case group == "api":
		t.api()
	case afterLogin(t.Switch):
		t.logout()
	case t.Accept:
		t.provider.Set(t.Faults)
		t.accepted()
	default:
		t.provider.Set(t.Faults)
		t.refused(cold)
	}
	t.provider.Set(hostile.Faults{})
	if unasked := asked(); len(unasked) > 0 && t.site.replays {
		t.find("nobody asked for what is bad in %v", unasked)
	}
	t.good("after")
	for _, p := range t.provider.Problems() {
		t.find("the provider complains: %s", p)
	}
	t.checkThief()
	return t.findings
}

// count wraps the faults, and returns what tells which of them nobody asked for: a
// switch that has no effect tests nothing. At times that is the point.
func (t *trial) count(f *hostile.Faults) func() []string {
	var mu sync.Mutex
	asked := map[string]bool{}
	note := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		asked[name] = true
	}
	var names []string
	wrap := func(name string, fault *func(*hostile.Answer)) {
		if inner := *fault; inner != nil {
			names = append(names, name)
			*fault = func(a *hostile.Answer) { note(name); inner(a) }
		}
	}
	wrap("discovery", &f.Discovery)
	wrap("token", &f.Token)
	wrap("keys", &f.Keys)
	wrap("userinfo", &f.UserInfo)
	wrap("refresh", &f.Refresh)
	wrap("API", &f.API)
	wrap("revocation", &f.Revocation)
	for name, fault := range map[string]*func(*hostile.IDToken){"ID token": &f.IDToken, "refreshed ID token": &f.RefreshedIDToken} {
		if inner := *fault; inner != nil {
			names = append(names, name)
			*fault = func(i *hostile.IDToken) { note(name); inner(i) }
		}
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.DeleteFunc(names, func(name string) bool { return asked[name] || t.Unasked })
	}
}

// good is a login without faults, tried again until a client that was told off
// asks again.
func (t *trial) good(when string) {
	time.Sleep(11 * time.Second) // longer than any pause after one failure
	b := newBrowser(t.network, t.provider)
	defer b.client.CloseIdleConnections()
	if u, _ := t.login(b); !reflect.DeepEqual(u, hostile.Ada()) {
		t.find("the good login %s it: got %+v, want Ada", when, u)
	}
}

// private returns who the site thinks b is, nil for nobody.
func (t *trial) private(b *browser) *login.User {
	answer := b.open(http.MethodGet, app+"/private", nil)
	if answer.status != http.StatusOK {
		return nil
	}
	var u login.User
	if err := json.Unmarshal([]byte(answer.body), &u); err != nil {
		t.find("/private: got %q", answer.body)
	}
	return &u
}

// login goes all the way, and returns who is logged in at its end, and the last
// answer.
func (t *trial) login(b *browser) (*login.User, page) {
	answer, request := b.begin()
	if request == nil {
		return nil, answer
	}
	answer = t.callback(b, t.provider.Authorize(request))
	return t.private(b), answer
}

// callback brings an authorization response to the site.
func (t *trial) callback(b *browser, back *hostile.Redirect) page {
	time.Sleep(back.Wait)
	method := back.Method
	if method == "" {
		method = http.MethodGet
	}
	started := time.Now()
	answer := b.open(method, back.URL(), back.Header)
	if took := time.Since(started); took > limit {
		t.find("the callback took %v", took)
	}
	return answer
}

// accepted wants the right user.
func (t *trial) accepted() {
	want := hostile.Ada()
	if t.User != nil {
		want = t.User
	}
	b := newBrowser(t.network, t.provider)
	defer b.client.CloseIdleConnections()
	got, answer := t.login(b)
	if !reflect.DeepEqual(got, want) {
		t.find("got %+v with status %d, want %+v", got, answer.status, want)
	}
	t.silent(b, "")
}

// refused wants nothing of a login, and all that was there before.
func (t *trial) refused(cold bool) {
	b := newBrowser(t.network, t.provider)
	defer b.client.CloseIdleConnections()
	before := len(t.provider.Calls())
	started := time.Now()
	answer, request := b.begin()
	var back *hostile.Redirect
	var held *browser
	if cold {
		if took := time.Since(started); took > limit {
			t.find("the login took %v", took)
		}
	} else if request == nil {
		t.find("the login did not begin: status %d", answer.status)
	} else {
		back = t.provider.Authorize(request)
		held = b.copy()
		answer = t.callback(b, back)
	}
	t.checkAnswer(b, answer)
	if back != nil && t.site.replays {
		t.replay(held, back)
	}
	t.checkCalls(t.provider.Calls()[before:])
	t.silent(b, answer.text)
}

// checkAnswer looks at what the person gets.
func (t *trial) checkAnswer(b *browser, answer page) {
	if answer.status < 400 || answer.status >= 500 && answer.status != http.StatusBadGateway && answer.status != http.StatusGatewayTimeout {
		t.find("got status %d (%s), want 4xx, 502 or 504", answer.status, answer.location)
	}
	if u := t.private(b); u != nil {
		t.find("the private page is open to %+v", u)
	}
	for _, name := range b.names() {
		if open := strings.Contains(name, t.site.begun); !open || !t.Stray {
			t.find("the browser still has the cookie %s", name)
		}
	}
	if t.Stray && !b.has(t.site.begun) {
		t.find("the login that was begun is gone, though the callback was not for it")
	}
	if t.site.failures == nil {
		return
	}
	want := t.Err
	if want == nil {
		want = login.ErrProvider
	}
	failures := t.site.failures()
	if len(failures) == 0 {
		t.find("no error was reported")
		return
	}
	methodOrFrame := answer.status == http.StatusMethodNotAllowed || answer.status == http.StatusForbidden && t.Stray
	err := failures[0]
	if !errors.Is(err, want) && !methodOrFrame {
		t.find("got error %v, want one that is %v", err, want)
	}
	t.silent(b, err.Error())
}

// replay comes back with the same answer and all the cookies of before.
func (t *trial) replay(held *browser, back *hostile.Redirect) {
	defer held.client.CloseIdleConnections()
	t.provider.Set(hostile.Faults{}) // nothing but the replay is wrong now
	back.Wait = 0
	if answer := t.callback(held, back); answer.status < 400 {
		t.find("the callback, replayed: got status %d", answer.status)
	}
	if u := t.private(held); u != nil {
		t.find("after the replay, the private page is open to %+v", u)
	}
}
