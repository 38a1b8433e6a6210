package logintest_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// A whole login, through the redirects to the provider and back, as a browser
// with a cookie jar goes through it.
func ExampleNewServer() {
	provider := logintest.NewServer(login.User{Name: "Ada Example", Email: "ada@example.test"})
	defer provider.Close()

	app := httptest.NewUnstartedServer(nil)
	defer app.Close()
	auth, err := login.New(login.Config{
		URL:       "http://" + app.Listener.Addr().String(),
		Key:       []byte("a key for tests, of 32 bytes at least"),
		Providers: []login.Provider{provider.Provider()},
	})
	if err != nil {
		log.Fatal(err)
	}
	app.Config.Handler = auth.Wrap(auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := login.UserFrom(r.Context())
		fmt.Fprintf(w, "%s, %s, by %s", user.Name, user.Email, user.Provider)
	})))
	app.Start()

	jar, err := cookiejar.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	resp, err := browser.Get(app.URL + "/login?next=/")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode, string(body))
	fmt.Println("problems:", len(provider.Problems()))
	// Output:
	// 200 Ada Example, ada@example.test, by oidc
	// problems: 0
}

// The stand-in for GitHub knows which organizations its users belong to, and in
// what way.
func ExampleNewGitHub() {
	gh := logintest.NewGitHub(
		login.User{Username: "ada-example", Extra: map[string]string{"orgs": "example-org:active"}},
		login.User{Username: "grace-sample", Extra: map[string]string{"orgs": "example-org:pending"}},
	)
	defer gh.Close()

	app := httptest.NewUnstartedServer(nil)
	defer app.Close()
	provider := gh.Provider()
	provider.Scopes = []string{"read:org"}
	auth, err := login.New(login.Config{
		URL:       "http://" + app.Listener.Addr().String(),
		Key:       []byte("a key for tests, of 32 bytes at least"),
		Providers: []login.Provider{provider},
		OnLogin: func(r *http.Request, u *login.User, g *login.Grant) error {
			var membership struct{ State string }
			if err := g.Get(r.Context(), "user/memberships/orgs/example-org", &membership); err != nil {
				return err
			}
			u.Extra = map[string]string{"membership": membership.State}
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	app.Config.Handler = auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := login.UserFrom(r.Context())
		fmt.Fprintln(w, u.ID, u.Username, u.Extra["membership"])
	}))
	app.Start()

	for _, name := range []string{"ada-example", "grace-sample"} {
		gh.Set(func(gh *logintest.GitHub) { gh.LoginAs = name })
		jar, err := cookiejar.New(nil)
		if err != nil {
			log.Fatal(err)
		}
		browser := &http.Client{Jar: jar}
		resp, err := browser.Get(app.URL + "/login?next=/")
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(string(body))
	}
	// Output:
	// 1 ada-example active
	// 2 grace-sample pending
}
