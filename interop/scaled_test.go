package interop_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/doorlatch/login/logintest"
)

// scaledKinds are the ways to run replicas.
var scaledKinds = []struct {
	name     string
	engine   func(*testing.T) *scaledEngine
	sessions string
	held     []string // begins a record of each kind that replicas write
}{
	{"cookies and Redis", newScaledRedis, "cookies", []string{"login:once:", "login:revoked"}},
	{"sessions in Redis", newScaledRedis, "store", []string{"login:once:", "login:revoked", "session:"}},
	{"cookies and PostgreSQL", newScaledPostgres, "cookies", []string{"login_once", "login_revoked"}},
	{"sessions in PostgreSQL", newScaledPostgres, "store", []string{"login_once", "login_revoked", "http_sessions"}},
}

// Three replicas, to which nginx hands requests in turn, are one application: while
// some thousand requests of several people are on their way, one of them is killed,
// and all are restarted three times, to change the key. No request fails, nobody is
// logged out but who wants to, and logins go on meanwhile.
func TestScaled(t *testing.T) {
	for _, kind := range scaledKinds {
		t.Run(kind.name, func(t *testing.T) {
			engine := kind.engine(t)
			old, fresh := newKey(), newKey()
			s := newScaledSite(t, old, engine.env(kind.sessions)...)
			for range 6 {
				s.finish(s.begin())
			}
			renewing, leaving := s.logInBriefly(), s.logInApart()
			if kind.sessions == "store" {
				s.checkLarge()
			}

			load := s.startLoad(s.visitors)
			s.checkCrossed()
			s.restart(s.replicas[0], syscall.SIGKILL, old)
			s.checkLogout(leaving)
			s.roll(old, fresh)
			s.checkGone(leaving)
			before := s.visitors
			s.roll(fresh, old)
			s.checkGone(leaving)
			s.checkCount(load.stop(t), 4000)

			s.checkRenewal(renewing)
			checkShowNothing(t, engine.records(), kind.held, s.provider.secrets())
			s.checkNewKeyAlone(fresh, before)
			if p := s.provider.Problems(); len(p) > 0 {
				t.Error(p)
			}
		})
	}
}

// logInApart returns somebody who is logged in, and not among the visitors.
func (s *scaledSite) logInApart() *visitor {
	s.t.Helper()
	a := s.begin()
	s.finish(a)
	s.visitors = s.visitors[:len(s.visitors)-1]
	return a.visitor
}

// logInBriefly is logInApart with a token that ends soon.
func (s *scaledSite) logInBriefly() *visitor {
	s.t.Helper()
	s.provider.Set(func(p *logintest.Server) { p.TokenLifetime = time.Second })
	defer s.provider.Set(func(p *logintest.Server) { p.TokenLifetime = time.Hour })
	return s.logInApart()
}

// checkLarge fails the test unless somebody with tokens of 90 kB is logged in, and has
// them.
func (s *scaledSite) checkLarge() {
	s.t.Helper()
	s.provider.setLarger(90_000)
	v := s.logInApart()
	s.provider.setLarger(0)
	for _, r := range s.replicas {
		if status, body := r.ask(v); status != http.StatusOK || !strings.Contains(body, `"token":{"type":"Bearer"`) {
			s.t.Errorf("with a large token: got status %d, %s", status, body)
		}
	}
}

// checkCrossed fails the test unless a login that began at one replica is finished at
// another one.
func (s *scaledSite) checkCrossed() {
	s.t.Helper()
	for range 30 {
		a := s.begin()
		if at := s.finish(a); at != a.at && at != "" && a.at != "" {
			return
		}
	}
	s.t.Error("all logins were finished where they began")
}

// checkLogout fails the test unless a copy of the cookies is worth nothing anywhere
// when v has logged out at one replica.
func (s *scaledSite) checkLogout(v *visitor) {
	s.t.Helper()
	s.checkKnown([]*visitor{v})
	browser := &visitor{v.copied(), v.user}
	if a := browser.logOut(); a.status != http.StatusOK || !strings.Contains(a.body, "You are not logged in") {
		s.t.Errorf("logout: got status %d, %s", a.status, a.body)
	}
	s.checkGone(v)
}

// checkCount fails the test unless every request got what it asked for, and all
// replicas had their share.
func (s *scaledSite) checkCount(c loadCount, atLeast int) {
	s.t.Helper()
	s.t.Logf("%d requests, %d of them by a second replica", c.good+c.failed, c.retried)
	if c.failed > 0 || c.errors > 0 {
		s.t.Errorf("of %d requests %d failed, and %d connections; the first: %s", c.good+c.failed, c.failed, c.errors, c.first)
	}
	if c.good < atLeast {
		s.t.Errorf("got %d good answers, want at least %d", c.good, atLeast)
	}
	for _, r := range s.replicas {
		if c.by[r.addr] < c.good/10 {
			s.t.Errorf("%s answered %d of %d requests, want its share", r.addr, c.by[r.addr], c.good)
		}
	}
}

// checkRenewal fails the test unless the token of v, which has ended, is renewed once,
// though all replicas are asked at once, with the same cookies.
func (s *scaledSite) checkRenewal(v *visitor) {
	s.t.Helper()
	before := s.provider.renewals()
	profiles := make([]string, 4*len(s.replicas))
	var all sync.WaitGroup
	for i := range profiles {
		all.Go(func() { _, profiles[i] = s.replicas[i%len(s.replicas)].ask(v) })
	}
	all.Wait()
	for _, p := range profiles {
		if p != profiles[0] || strings.Contains(p, `"token":null`) || !strings.Contains(p, v.user.ID) {
			s.t.Errorf("got %s, want %s with a token", p, profiles[0])
		}
	}
	if n := s.provider.renewals() - before; n != 1 {
		s.t.Errorf("got %d renewals, want 1", n)
	}
}

// checkShowNothing fails the test unless there are records that begin so, and none
// shows a secret, as it is or decoded.
func checkShowNothing(t *testing.T, records map[string]string, begin, secrets []string) {
	t.Helper()
	if len(secrets) < 50 {
		t.Errorf("got %d secrets to look for, want those of some logins", len(secrets))
	}
	found := make(map[string]bool)
	for name, held := range records {
		for _, b := range begin {
			found[b] = found[b] || strings.HasPrefix(name, b)
		}
		all := strings.Join(decoded(name+" "+held, 4), "\n")
		for _, secret := range secrets {
			if strings.Contains(all, secret) || strings.Contains(all, url.QueryEscape(secret)) {
				t.Errorf("%s shows %q", name, secret)
			}
		}
	}
	for _, b := range begin {
		if !found[b] {
			t.Errorf("there is no record %s", b)
		}
	}
}

// checkNewKeyAlone drops the old key. Who logged in since all use the new one stays so;
// who did before any did is not known any more, and that is what the load would have
// shown, had a replica not had both.
func (s *scaledSite) checkNewKeyAlone(key string, before []*visitor) {
	s.t.Helper()
	s.visitors = nil
	for range 4 {
		s.finish(s.begin())
	}
	load := s.startLoad(s.visitors)
	s.roll(key)
	s.checkCount(load.stop(s.t), 1500)
	s.checkGone(before...)

	load = s.startLoad([]*visitor{before[0], s.visitors[0]})
	select {
	case <-time.After(time.Second):
	case <-load.ended:
	}
	if c := load.stop(s.t); c.failed == 0 || c.good == 0 || !strings.HasPrefix(c.first, "401 ") {
		s.t.Errorf("with the cookies of somebody who is not known any more: got %d good and %d failed requests, the first: %s", c.good, c.failed, c.first)
	}
}
