package hostile_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"github.com/doorlatch/login/internal/hostile"
	"github.com/gorilla/sessions"
	"golang.org/x/oauth2"
)

// ourSite is the application as this library makes it. With report, errors are
// kept instead of shown, and what happens after the login happens to sessions that
// are kept in a Store.
func ourSite(report bool) func(hostile.Switch, *hostile.Network) *site {
	return func(s hostile.Switch, n *hostile.Network) *site {
		transport := n.Transport()
		out := &site{log: new(syncBuffer), close: transport.CloseIdleConnections, begun: "-f-", replays: true, kinds: true}
		c := login.Config{
			URL: app, Key: []byte("0123456789abcdefghijklmnopqrstuv"),
			Providers: []login.Provider{providerOf(s), otherProvider()},
			Client:    &http.Client{Transport: transport},
			Logger:    out.log.logger(),
		}
		if report {
			var mu sync.Mutex
			var failures []error
			c.OnError = func(w http.ResponseWriter, _ *http.Request, err error) {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, err)
				w.WriteHeader(err.(*login.Error).Status)
			}
			out.failures = func() []error {
				mu.Lock()
				defer mu.Unlock()
				got := failures
				failures = nil
				return got
			}
		}
		group := s.Group()
		c.EndSession = group == "end-session" || group == "return"
		c.RevokeTokens = c.EndSession || group == "revocation"
		if afterLogin(s) {
			c.Lifetime = 72 * time.Hour
		}
		if report && afterLogin(s) {
			c.Store, out.close = newStore(out.close)
		}
		auth, err := login.New(c)
		if err != nil {
			panic(err)
		}
		mux, got := http.NewServeMux(), new(outcomes)
		got.pages(mux, auth.Token, auth.Client)
		out.outcomes = got.taken
		mux.Handle("/", auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u := *login.UserFrom(r.Context())
			u.Provider = ""
			json.NewEncoder(w).Encode(u)
		})))
		out.handler = auth.Wrap(mux)
		return out
	}
}

// afterLogin reports whether s is about what follows a login.
func afterLogin(s hostile.Switch) bool {
	return slices.Contains([]string{"refresh", "api", "revocation", "end-session", "return"}, s.Group())
}

// newStore returns a Store, and what removes it after close.
func newStore(close func()) (sessions.Store, func()) {
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		panic(err)
	}
	store := sessions.NewFilesystemStore(dir, []byte("0123456789abcdefghijklmnopqrstuv"))
	store.MaxLength(0) // see login.Config.Store
	return store, func() {
		close()
		os.RemoveAll(dir)
	}
}

func providerOf(s hostile.Switch) login.Provider {
	c := generic.Config{
		Name: "op", ClientID: hostile.ClientID, ClientSecret: hostile.ClientSecret,
		Issuer: hostile.Issuer, API: []string{hostile.Issuer + "/api"},
	}
	if s.Config != nil {
		s.Config(&c)
	}
	if !s.Plain {
		p := generic.OIDC(c)
		if s.Adapt != nil {
			s.Adapt(&p)
		}
		return p
	}
	c.AuthURL, c.TokenURL, c.UserURL = hostile.Issuer+"/authorize", hostile.Issuer+"/token", hostile.Issuer+"/userinfo"
	c.Fields = generic.Fields{
		ID: "/sub", Username: "/preferred_username", Name: "/name", Picture: "/picture",
		Email: "/email", EmailVerified: "/email_verified",
	}
	return generic.OAuth2(c)
}

// otherProvider belongs to the thief, and somebody has configured it in good
// faith.
func otherProvider() login.Provider {
	const host = "https://" + hostile.ThiefHost
	return generic.OAuth2(generic.Config{
		Name: hostile.OtherName, ClientID: "another", ClientSecret: "another-secret-of-the-thief's",
		AuthURL: host + "/authorize", TokenURL: host + "/token", UserURL: host + "/userinfo",
		AuthStyle: oauth2.AuthStyleInParams, Fields: generic.Fields{ID: "/sub"},
	})
}

// TestSwitches turns every switch on the library, twice: with its own error pages
// and with OnError. A refusal leaves nothing behind but an answer; see trial.
func TestSwitches(t *testing.T) {
	keys := hostile.NewKeys()
	var refused, accepted, guarded int
	groups := map[string]int{}
	for _, s := range hostile.Switches() {
		t.Run(s.Name, func(t *testing.T) {
			for _, report := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					for _, f := range newTrial(s, keys, ourSite(report)).run() {
						t.Error(f)
					}
				})
			}
		})
		groups[s.Group()]++
		if s.Check != "" {
			guarded++
		}
		if s.Accept {
			accepted++
		} else {
			refused++
		}
	}
	fmt.Printf("%d switches: %d to refuse, %d to accept; %d hang on one check alone; %v\n",
		refused+accepted, refused, accepted, guarded, groups)
}

// TestSwitchesNamed wants names that are different, requirements, and in each
// group at least so many switches that hang on one check.
func TestSwitchesNamed(t *testing.T) {
	names, groups := map[string]bool{}, map[string]int{}
	for _, s := range hostile.Switches() {
		if names[s.Name] {
			t.Errorf("two switches are called %q", s.Name)
		}
		names[s.Name] = true
		if s.Check != "" {
			groups[s.Group()]++
		}
		if strings.Trim(s.Rules, "ABCDEFGHIJKLRT0123456789bcd ") != "" || s.Rules == "" {
			t.Errorf("%s: got rules %q", s.Name, s.Rules)
		}
	}
	for group, want := range map[string]int{
		"discovery": 15, "authorization": 20, "token": 30, "header": 18, "claims": 30, "keys": 18, "userinfo": 14, "refresh": 50, "api": 10, "revocation": 14, "end-session": 7, "return": 9,
	} {
		if got := groups[group]; got < want {
			t.Errorf("%s: got %d switches that hang on a check, want %d", group, got, want)
		}
	}
}
