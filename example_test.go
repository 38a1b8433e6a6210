package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/github"
	"github.com/gorilla/sessions"
	"golang.org/x/oauth2"
)

// What the other examples share.
var (
	key       = []byte("32 bytes that only the site knows")
	providers = []login.Provider{github.New("client-id", "client-secret")}
)

func mustAuth(c login.Config) *login.Auth {
	c.URL, c.Key, c.Providers = "https://example.com", key, providers
	auth, err := login.New(c)
	if err != nil {
		log.Fatal(err)
	}
	return auth
}

func Example() {
	auth, err := login.New(login.Config{
		URL:       "https://example.com",
		Key:       key,
		Providers: []login.Provider{github.New("client-id", "client-secret")},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if u := login.UserFrom(r.Context()); u != nil {
			fmt.Fprintf(w, "Hello, %s!", u.Name)
			return
		}
		fmt.Fprint(w, `<a href="/login">Log in</a>`)
	})
	server := http.Server{Addr: ":8080", Handler: auth.Wrap(mux)}
	_ = server.ListenAndServe // start it
	fmt.Println("register at GitHub:", auth.CallbackURL("github"))
	// Output: register at GitHub: https://example.com/callback/github
}

// Every mistake is reported at once.
func ExampleNew() {
	_, err := login.New(login.Config{
		URL:       "http://example.com",
		Key:       []byte("too short"),
		Providers: []login.Provider{github.New("client-id", os.Getenv("A_VARIABLE_THAT_IS_NOT_SET"))},
	})
	fmt.Println(err)
	// Output:
	// login: Config.URL: want an absolute https URL (http only on localhost, 127.0.0.0/8 or [::1]) without user and fragment, have "http://example.com"
	// login: Config.Key: want at least 32 random bytes (openssl rand -base64 32), have 9 bytes
	// login: Config.Providers[0 "github"].ClientSecret: want the secret that the provider gave (or Public), have none
}

func ExampleAuth_Require() {
	auth := mustAuth(login.Config{})
	me := auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, login.UserFrom(r.Context()).Name)
	}))
	for _, accept := range []string{"text/html", "application/json"} {
		r := httptest.NewRequest("GET", "https://example.com/me?tab=2", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		me.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Location"))
	}
	// Output:
	// 303 /login?next=%2Fme%3Ftab%3D2
	// 401
}

func ExampleAuth_Allow() {
	auth := mustAuth(login.Config{})
	staff := auth.Allow(func(u *login.User) bool { return u.Extra["role"] == "staff" })
	admin := staff(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "the back office")
	}))
	for _, role := range []string{"staff", "guest"} {
		r := httptest.NewRequest("GET", "/admin", nil)
		u := &login.User{Provider: "github", ID: "1", Extra: map[string]string{"role": role}}
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, r.WithContext(login.WithUser(r.Context(), u)))
		fmt.Println(role, w.Code)
	}
	// Output:
	// staff 200
	// guest 403
}

// The handlers can be mounted one by one, in any router, instead of using Wrap.
// A router without path values works too: then the last segment names the
// provider.
func ExampleAuth_Callback() {
	auth := mustAuth(login.Config{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", auth.Login)
	mux.HandleFunc("GET /login/{provider}", auth.Login)
	mux.HandleFunc("GET /callback/{provider}", auth.Callback)
	mux.HandleFunc("/logout", auth.Logout)
	mux.Handle("/me", auth.Require(http.NotFoundHandler()))
}

// A handler behind Require is tested by putting a user into the context.
func ExampleWithUser() {
	auth := mustAuth(login.Config{})
	me := auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("hello", login.UserFrom(r.Context()).Name)
	}))
	r := httptest.NewRequest("GET", "/me", nil)
	ctx := login.WithUser(r.Context(), &login.User{Provider: "github", ID: "1", Name: "Ada"})
	me.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
	// Output: hello Ada
}

// OnLogin is where the application meets its own users: added when they come for
// the first time, found by provider and ID ever after.
func ExampleConfig_onLogin() {
	type account struct {
		Role   string
		Banned bool
	}
	accounts := map[[2]string]*account{} // a table with the key (provider, id)

	mustAuth(login.Config{
		OnLogin: func(r *http.Request, u *login.User, g *login.Grant) error {
			key := [2]string{u.Provider, u.ID}
			if accounts[key] == nil {
				accounts[key] = &account{Role: "guest"}
			}
			if accounts[key].Banned {
				return login.Refusal("This account is closed. Please write to help@example.com.")
			}
			u.Extra = map[string]string{"role": accounts[key].Role}
			g.Token = nil // we do not call GitHub later, so the session need not hold the token
			return nil
		},
	})
}

// Redis, PostgreSQL or files instead of cookies: any Store of gorilla/sessions.
func ExampleConfig_store() {
	store := sessions.NewFilesystemStore("", []byte("a key of the store's own, 32 byte"))
	store.MaxLength(0) // tokens may be large
	store.MaxAge(int((7 * 24 * time.Hour).Seconds()))
	mustAuth(login.Config{Store: store, Lifetime: 7 * 24 * time.Hour, Idle: 12 * time.Hour})
}

// A new key seals, the old one opens what it sealed until that has expired.
func ExampleConfig_oldKeys() {
	_, err := login.New(login.Config{
		URL:       "https://example.com",
		Key:       []byte("the new key, made of random bytes"),
		OldKeys:   [][]byte{[]byte("the old key, made of random bytes")},
		Providers: providers,
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleConfig_onError() {
	mustAuth(login.Config{
		OnError: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, login.ErrDenied) { // Cancel was pressed: no harm done
				http.Redirect(w, r, "/?cancelled", http.StatusSeeOther)
				return
			}
			var e *login.Error
			if errors.As(err, &e) {
				http.Error(w, e.Message, e.Status)
			}
		},
	})
}

// Pages of one's own: "chooser", "error" and "logout", whichever are there.
func ExampleConfig_pages() {
	pages := template.Must(template.New("chooser").Parse(`<!doctype html>
<title>{{.Title}}</title>
<h1>Welcome to the club</h1>
{{range .Providers}}<a href="{{.URL}}">{{.Label}}</a>{{end}}`))
	mustAuth(login.Config{Pages: pages})
}

// The token of the current user, for calls to the provider's API.
func ExampleAuth_Token() {
	auth := mustAuth(login.Config{})
	_ = func(w http.ResponseWriter, r *http.Request) {
		token, err := auth.Token(w, r)
		switch {
		case errors.Is(err, login.ErrLoginRequired):
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		case errors.Is(err, login.ErrNoToken):
			fmt.Fprintln(w, "Please connect again.", err)
		case err == nil:
			fmt.Fprintln(w, "granted:", token.Extra("scope"))
		}
	}
}

// A provider that this module does not know is a literal: here GitLab by its
// REST API. (For GitLab there is OpenID Connect, too: see package generic.)
func ExampleProvider() {
	gitlab := login.Provider{
		Name: "gitlab", ClientID: "id", ClientSecret: "secret", Scopes: []string{"read_user"},
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://gitlab.com/oauth/authorize", TokenURL: "https://gitlab.com/oauth/token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		API: []string{"https://gitlab.com/api/v4"},
		Identify: func(ctx context.Context, g *login.Grant) (*login.User, error) {
			var u struct {
				ID             json.Number // not int64: one that is missing would be 0
				Name, Username string
			}
			err := g.Get(ctx, "/user", &u)
			return &login.User{ID: u.ID.String(), Name: u.Name, Username: u.Username}, err
		},
	}
	auth, err := login.New(login.Config{URL: "https://example.com", Key: key, Providers: []login.Provider{gitlab}})
	fmt.Println(auth.CallbackURL("gitlab"), err)
	// Output: https://example.com/callback/gitlab <nil>
}
