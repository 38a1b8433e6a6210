package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"

	"github.com/dghubble/gologin/v2"
	gologingithub "github.com/dghubble/gologin/v2/github"
	"github.com/doorlatch/login"
	"github.com/doorlatch/login/github"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
	gothgithub "github.com/markbates/goth/providers/github"
	"golang.org/x/oauth2"
	githubendpoint "golang.org/x/oauth2/github"
)

// A loginCandidate logs people in with GitHub, and keeps a session.
type loginCandidate struct {
	name            string
	start, callback http.Handler
	startURL        string
	callbackURL     string // without parameters
	require         func(http.Handler) http.Handler
	who             func(*http.Request) account
	requests        *int // that the provider got
}

// loginCandidates reach a GitHub without a network. All ask for the profile and,
// except gologin, for the addresses.
func loginCandidates() ([]loginCandidate, error) {
	registerAccount()
	ours, err := ourLogin()
	return []loginCandidate{ours, gothicLogin(), gologinLogin()}, err
}

// gitHub answers as github.com and its API do, from memory.
func gitHub() (client *http.Client, requests *int) {
	requests = new(int)
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		*requests++
		if r.Body != nil {
			r.Body.Close()
		}
		switch r.URL.Path {
		case "/login/oauth/access_token":
			return answer(r, `{"access_token":"gho_16C7e42F292c6912E7710c838347Ae178B4a","token_type":"bearer","scope":"read:user,user:email"}`), nil
		case "/user":
			return answer(r, profile), nil
		case "/user/emails":
			return answer(r, `[{"email":"ada@example.test","primary":true,"verified":true,"visibility":"private"}]`), nil
		}
		return nil, fmt.Errorf("want a GitHub URL, have %s", r.URL)
	})}, requests
}

// profile has the members of an answer to GET /user.
var profile = `{"login":"ada-example","id":90000001,"node_id":"U_kgDOBV1KgQ","avatar_url":"https://avatars.example/u/90000001?v=4",
"gravatar_id":"","url":"https://api.github.com/users/ada-example","html_url":"https://github.com/ada-example",` +
	links("followers", "following", "gists", "starred", "subscriptions", "organizations", "repos", "events", "received_events") + `
"type":"User","site_admin":false,"name":"Ada Example","company":null,"blog":"","location":null,"email":null,"hireable":null,"bio":null,
"twitter_username":null,"public_repos":3,"public_gists":0,"followers":1,"following":2,"created_at":"2021-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}`

func links(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, `"%s_url":"https://api.github.com/users/ada-example/%s",`, name, name)
	}
	return b.String()
}

func ourLogin() (loginCandidate, error) {
	client, requests := gitHub()
	auth, err := login.New(login.Config{
		URL: "https://app.example", Key: key(1), Client: client, Logger: slog.New(slog.DiscardHandler),
		Providers: []login.Provider{github.New("client", "secret")},
	})
	if err != nil {
		return loginCandidate{}, err
	}
	s := &site{auth: auth}
	return loginCandidate{
		name: "login", start: auth, callback: auth, startURL: "/login/github", callbackURL: "/callback/github",
		require: s.candidate("login").require, who: s.who, requests: requests,
	}, nil
}

// gothicLogin is the example of goth, with the user kept in gothic's session.
func gothicLogin() loginCandidate {
	c := gothicCandidate()
	client, requests := gitHub()
	p := gothgithub.New("client", "secret", "https://app.example/auth/github/callback", "read:user", "user:email")
	p.HTTPClient = client
	goth.UseProviders(p)
	return loginCandidate{
		name: "gothic", startURL: "/auth?provider=github", callbackURL: "/auth/github/callback?provider=github",
		require: c.require, who: c.who, requests: requests,
		start: http.HandlerFunc(gothic.BeginAuthHandler),
		callback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u, err := gothic.CompleteUserAuth(w, r)
			if err == nil {
				u.RawData = nil
				err = storeGothUser(w, r, u)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			http.Redirect(w, r, "/", http.StatusFound)
		}),
	}
}

// gologinLogin is the example of gologin, with production cookies.
func gologinLogin() loginCandidate {
	client, requests := gitHub()
	c, store := gologinCandidate(), gologinStore()
	config := &oauth2.Config{
		ClientID: "client", ClientSecret: "secret", RedirectURL: "https://app.example/github/callback",
		Endpoint: githubendpoint.Endpoint, Scopes: []string{"read:user", "user:email"},
	}
	success := func(w http.ResponseWriter, r *http.Request) {
		u, err := gologingithub.UserFromContext(r.Context())
		if err == nil {
			err = issueSession(w, store, strconv.FormatInt(u.GetID(), 10), u.GetLogin())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/profile", http.StatusFound)
	}
	cookie := gologin.DefaultCookieConfig
	callback := gologingithub.StateHandler(cookie, gologingithub.CallbackHandler(config, http.HandlerFunc(success), nil))
	return loginCandidate{
		name: "gologin", startURL: "/github/login", callbackURL: "/github/callback",
		require: c.require, who: c.who, requests: requests,
		start: gologingithub.StateHandler(cookie, gologingithub.LoginHandler(config, nil)),
		callback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			callback.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), oauth2.HTTPClient, client)))
		}),
	}
}

// begun starts a login and returns the request with which the provider sends the
// browser back.
func (c *loginCandidate) begun() (*http.Request, error) {
	w := httptest.NewRecorder()
	c.start.ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.startURL, nil))
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		return nil, err
	}
	state := u.Query().Get("state")
	if u.Host != "github.com" || state == "" {
		return nil, fmt.Errorf("%s: got status %d, location %q, want GitHub's and a state", c.name, w.Code, u)
	}
	back, err := url.Parse(c.callbackURL)
	if err != nil {
		return nil, err
	}
	q := back.Query()
	q.Set("code", "CODE")
	q.Set("state", state)
	back.RawQuery = q.Encode()
	r := httptest.NewRequest(http.MethodGet, back.String(), nil)
	r.Header.Set("Cookie", cookieLine(w.Result().Cookies()))
	return r, nil
}
