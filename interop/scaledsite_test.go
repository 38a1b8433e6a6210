package interop_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/doorlatch/login"
)

// A scaledSite is an application of three replicas behind one nginx, which hands every
// request to another one.
type scaledSite struct {
	t          *testing.T
	url, front string // where browsers see it, and the address of nginx
	provider   *openProvider
	replicas   [3]*scaledReplica
	visitors   []*visitor // who is logged in
	turn       int
}

// scaledProxy is the upstream of nginx, and scaledLocation how requests go there: a POST
// goes on to another replica only if we say that it may be repeated. What comes after
// /logout is for the test: nginx would complain of each connection that is refused.
const (
	scaledProxy = `upstream replicas {
		server %s max_fails=0;
		server %s max_fails=0;
		server %s max_fails=0;
		keepalive 16;
	}`
	scaledLocation = `proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_connect_timeout 1s;
			proxy_buffer_size 16k;
			proxy_buffers 8 16k;
			location = /logout {
				proxy_pass http://replicas;
				proxy_next_upstream error timeout non_idempotent;
			}
			add_header X-Replica $upstream_addr always;
			add_header X-Asked $arg_as always;
			error_log stderr crit;
			location = /nginx-status {
				stub_status;
			}`
)

// newScaledSite starts the replicas, all at once, and what is around them.
func newScaledSite(t *testing.T, keys string, env ...string) *scaledSite {
	t.Helper()
	s := &scaledSite{t: t, front: freeAddr(t), provider: newOpenProvider(t)}
	s.url = strings.Replace("http://"+s.front, "127.0.0.1", "localhost", 1)
	env = append(env, s.provider.env(s.url)...)
	var addrs []any
	for i := range s.replicas {
		s.replicas[i] = newScaledReplica(t, env)
		s.replicas[i].launch(t, keys)
		addrs = append(addrs, s.replicas[i].addr)
	}
	for _, r := range s.replicas {
		if !r.awaitReady(t) {
			t.Fatalf("%s was not ready in time", r.name)
		}
	}
	startNginxWith(t, fmt.Sprintf(scaledProxy, addrs...), s.front, "replicas", scaledLocation)
	return s
}

// restart ends a replica and starts it with these keys. A login that began there is
// finished elsewhere while it is away; one that began before is finished afterwards,
// wherever that is, and others are until one is finished there. All of them are known
// everywhere, also where the keys are still others.
func (s *scaledSite) restart(r *scaledReplica, signal syscall.Signal, keys string) {
	s.t.Helper()
	known := len(s.visitors)
	here, later := s.beginAt(r), s.begin()
	r.end(s.t, signal)
	if at := s.finish(here); at == r.addr {
		s.t.Errorf("a login was finished at %s, which is not there", at)
	}
	s.awaitRequests(200)
	r.start(s.t, keys)
	for at, tries := s.finish(later), 0; at != r.addr; tries++ {
		if tries == 60 {
			s.t.Fatalf("no login is finished at %s", r.addr)
		}
		at = s.finish(s.begin())
	}
	s.awaitRequests(500)
	s.checkKnown(s.visitors[known:])
}

// awaitRequests waits until nginx has served so many more.
func (s *scaledSite) awaitRequests(n int) {
	s.t.Helper()
	end := time.Now().Add(patience)
	for until := s.requests() + n; s.requests() < until; {
		if time.Now().After(end) {
			s.t.Fatalf("nginx does not serve %d requests in time", n)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// requests is how many nginx has served.
func (s *scaledSite) requests() int {
	s.t.Helper()
	status := newWebClient(s.t, "http://"+s.front).ask("/nginx-status").body
	var accepted, handled, requests int
	_, counts, _ := strings.Cut(status, "requests\n")
	if _, err := fmt.Sscan(counts, &accepted, &handled, &requests); err != nil {
		s.t.Fatalf("%v in %q", err, status)
	}
	return requests
}

// roll restarts all replicas, one after the other.
func (s *scaledSite) roll(keys ...string) {
	s.t.Helper()
	for _, r := range s.replicas {
		s.restart(r, syscall.SIGTERM, strings.Join(keys, ","))
	}
	s.checkKnown(s.visitors)
}

// A visitor is somebody with a browser.
type visitor struct {
	*webClient
	user login.User
}

// cookieHeader is what their browser sends.
func (v *visitor) cookieHeader() string {
	var pairs []string
	for _, c := range v.cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// An attempt is a login that was begun at a replica.
type attempt struct {
	*visitor
	at       string
	location string // of the provider
}

// begin begins a login of the next user.
func (s *scaledSite) begin() attempt {
	s.t.Helper()
	s.turn++
	a := attempt{visitor: &visitor{newWebClient(s.t, s.url), s.provider.Users[s.turn%len(s.provider.Users)]}}
	resp, _ := a.visit(s.url+"/login/oidc?next=/me", func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })
	u, err := resp.Location()
	if err != nil {
		s.t.Fatalf("login: got status %d by %s, %v", resp.StatusCode, resp.Header.Get("X-Replica"), err)
	}
	q := u.Query()
	q.Set("login_hint", a.user.ID)
	u.RawQuery = q.Encode()
	a.at, a.location = answeredBy(resp), u.String()
	return a
}

// beginAt begins logins until one has begun at r.
func (s *scaledSite) beginAt(r *scaledReplica) attempt {
	s.t.Helper()
	for range 60 {
		if a := s.begin(); a.at == r.addr {
			return a
		}
	}
	s.t.Fatalf("no login begins at %s", r.addr)
	return attempt{}
}

// finish goes to the provider and back, and to the profile. It returns the replica
// that took the answer of the provider.
func (s *scaledSite) finish(a attempt) (at string) {
	s.t.Helper()
	resp, body := a.visit(a.location, nil)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, a.user.Name) {
		s.t.Fatalf("a login begun at %s: got status %d by %s, %s", a.at, resp.StatusCode, resp.Header.Get("X-Replica"), body)
	}
	for r := resp; r != nil; r = r.Request.Response {
		if strings.HasPrefix(r.Request.URL.Path, "/callback/") {
			at = answeredBy(r)
		}
	}
	s.visitors = append(s.visitors, a.visitor)
	return at
}

// visit is navigate with a rule for redirects. It returns all of the answer.
func (v *visitor) visit(target string, redirect func(*http.Request, []*http.Request) error) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(bounded(v.t), http.MethodGet, target, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	resp, err := (&http.Client{Transport: v.base, Jar: v.jar, Timeout: patience, CheckRedirect: redirect}).Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp, string(body)
}

// answeredBy returns the last replica that nginx has tried.
func answeredBy(r *http.Response) string {
	tried := strings.Split(r.Header.Get("X-Replica"), ", ")
	return tried[len(tried)-1]
}

// ask asks a replica itself for the profile of who has the cookies of v. It may be
// called by several goroutines. Without an answer the status is 0.
func (r *scaledReplica) ask(v *visitor) (status int, profile string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addr+"/me", nil)
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Cookie", v.cookieHeader())
	resp, err := v.base.RoundTrip(request)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// checkKnown fails the test unless everybody is who they are, at each replica.
func (s *scaledSite) checkKnown(visitors []*visitor) {
	s.t.Helper()
	for i, v := range visitors {
		for _, r := range s.replicas {
			if status, body := r.ask(v); status != http.StatusOK || !strings.Contains(body, `"id":"`+v.user.ID+`"`) {
				s.t.Errorf("visitor %d at %s: got status %d, %s, want %s", i, r.addr, status, body, v.user.ID)
			}
		}
	}
}

// checkGone fails the test unless nobody of them is known at any replica, a moment
// from now.
func (s *scaledSite) checkGone(visitors ...*visitor) {
	s.t.Helper()
	for i, v := range visitors {
		for _, r := range s.replicas {
			status, _ := r.ask(v)
			for end := time.Now().Add(2 * time.Second); status == http.StatusOK && time.Now().Before(end); {
				status, _ = r.ask(v)
			}
			if status != http.StatusUnauthorized {
				s.t.Errorf("visitor %d at %s: got status %d, want 401", i, r.addr, status)
			}
		}
	}
}

// newKey is one of SESSION_KEYS.
func newKey() string { return base64.StdEncoding.EncodeToString(randomKey()) }
