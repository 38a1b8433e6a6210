package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
	"github.com/google/go-github/v75/github"
)

// aboutMe shows what GitHub says about whoever is logged in, asked as that person by
// google/go-github. An Enterprise Server has another address than github.com, for
// which server is empty.
func aboutMe(auth *login.Auth, server string) http.Handler {
	return auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := auth.Client(w, r) // before anything is written
		if errors.Is(err, login.ErrLoginRequired) {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		if err != nil {
			http.Error(w, "GitHub cannot be asked at the moment.", http.StatusBadGateway)
			return
		}
		gh := github.NewClient(client)
		if server != "" {
			if gh, err = gh.WithEnterpriseURLs(server, server); err != nil {
				http.Error(w, "This is set up in a wrong way.", http.StatusInternalServerError)
				return
			}
		}
		user, _, err := gh.Users.Get(r.Context(), "")
		if err != nil {
			http.Error(w, "GitHub did not say who you are.", http.StatusBadGateway)
			return
		}
		orgs, _, err := gh.Organizations.List(r.Context(), "", nil)
		if err != nil {
			http.Error(w, "GitHub did not list your organizations.", http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "%s, known as %s\n", user.GetName(), user.GetLogin())
		for _, org := range orgs {
			fmt.Fprintf(w, "member of %s\n", org.GetLogin())
		}
	}))
}

// google/go-github takes any http.Client, and so the one that acts as the user.
func Example_goGitHub() {
	server := logintest.NewGitHub(login.User{
		Username: "ada-example", Name: "Ada Example", Extra: map[string]string{"orgs": "example-org:active"},
	})
	defer server.Close()
	app := httptest.NewUnstartedServer(nil)
	defer app.Close()
	provider := server.Provider()
	provider.Scopes = []string{"read:user", "read:org"}
	auth, err := login.New(login.Config{
		URL:       "http://" + app.Listener.Addr().String(),
		Key:       []byte("a key for tests, of 32 bytes at least"),
		Providers: []login.Provider{provider},
	})
	if err != nil {
		log.Fatal(err)
	}
	app.Config.Handler = auth.Wrap(aboutMe(auth, server.URL))
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
	fmt.Print(string(body))
	// Output:
	// Ada Example, known as ada-example
	// member of example-org
}

// A gitHubSite is an application with one page, for people who are logged in with
// GitHub. It does something by google/go-github and says what comes of it.
type gitHubSite struct {
	server  *logintest.GitHub
	url     string
	browser *http.Client
	do      func(context.Context, *github.Client) (string, error)
}

// newGitHubSite serves one at which somebody has logged in.
func newGitHubSite(t *testing.T, server *logintest.GitHub) *gitHubSite {
	t.Helper()
	app := httptest.NewUnstartedServer(nil)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &gitHubSite{server: server, url: "http://" + app.Listener.Addr().String(), browser: &http.Client{Jar: jar, Timeout: patience}}
	auth, err := login.New(login.Config{
		URL: s.url, Key: []byte("a key for tests, of 32 bytes at least"), Providers: []login.Provider{server.Provider()},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", auth.Require(http.HandlerFunc(greet)))
	mux.HandleFunc("/do", func(w http.ResponseWriter, r *http.Request) {
		client, err := auth.Client(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		gh, err := github.NewClient(client).WithEnterpriseURLs(server.URL, server.URL)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		result, err := s.do(r.Context(), gh)
		fmt.Fprint(w, result)
		if answer := (*github.ErrorResponse)(nil); errors.As(err, &answer) {
			fmt.Fprintf(w, "GitHub says %d: %s", answer.Response.StatusCode, answer.Message)
		} else if err != nil {
			fmt.Fprint(w, err)
		}
	})
	app.Config.Handler = auth.Wrap(mux)
	app.Start()
	t.Cleanup(app.Close)
	if got := s.read(t, "/login?next=/"); got != "Hello, Ada Example, at /!" {
		t.Fatalf("got %q, want to be logged in", got)
	}
	return s
}

func (s *gitHubSite) read(t *testing.T, path string) string {
	t.Helper()
	resp, err := s.browser.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// google/go-github works on Auth.Client (R38): what it asks of the API carries the
// user's token, in the header alone; what it asks of another site, or is led to by a
// redirect of the API, does not.
func TestGoGitHub(t *testing.T) {
	var authorized []string // what was asked for with a token, and without
	note := func(where string, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if strings.Contains(r.URL.RawQuery, "token") || scheme != "" && token == "" {
			t.Errorf("%s: got the query %q and the header %q", where, r.URL.RawQuery, scheme)
		}
		authorized = append(authorized, strings.TrimSpace(where+" "+scheme))
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note("elsewhere "+r.URL.Path, r)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"login":"somebody-elsewhere","full_name":"elsewhere/moved"}`)
	}))
	defer elsewhere.Close()
	server := logintest.NewGitHub()
	defer server.Close()
	s := newGitHubSite(t, server)
	server.Set(func(gh *logintest.GitHub) {
		gh.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
			note(r.URL.Path, r)
			switch r.URL.Path {
			case "/api/v3/user/repos":
				json.NewEncoder(w).Encode([]map[string]string{{"full_name": "ada-example/engine"}, {"full_name": "ada-example/notes"}})
			case "/api/v3/repos/ada-example/moved":
				http.Redirect(w, r, elsewhere.URL+"/moved", http.StatusMovedPermanently)
			default:
				return false
			}
			return true
		}
	})
	for _, test := range goGitHubTests(elsewhere.URL) {
		t.Run(test.name, func(t *testing.T) {
			authorized, s.do = nil, test.do
			if got := s.read(t, "/do"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if !slices.Equal(authorized, test.asks) {
				t.Errorf("got the requests %q, want %q", authorized, test.asks)
			}
		})
	}
}

type goGitHubTest struct {
	name string
	do   func(context.Context, *github.Client) (string, error)
	want string
	asks []string // path, and how it was authorized
}

func goGitHubTests(elsewhere string) []goGitHubTest {
	return []goGitHubTest{
		{"user", func(ctx context.Context, gh *github.Client) (string, error) {
			u, _, err := gh.Users.Get(ctx, "")
			return u.GetLogin() + ", " + u.GetName(), err
		}, "ada-example, Ada Example", []string{"/api/v3/user Bearer"}},
		{"addresses", func(ctx context.Context, gh *github.Client) (string, error) {
			emails, _, err := gh.Users.ListEmails(ctx, nil)
			i := slices.IndexFunc(emails, func(e *github.UserEmail) bool { return e.GetPrimary() })
			if i < 0 {
				return "none", err
			}
			return emails[i].GetEmail(), err
		}, "ada@example.test", []string{"/api/v3/user/emails Bearer"}},
		{"repositories", func(ctx context.Context, gh *github.Client) (string, error) {
			repos, _, err := gh.Repositories.ListByAuthenticatedUser(ctx, nil)
			var names []string
			for _, r := range repos {
				names = append(names, r.GetFullName())
			}
			return strings.Join(names, " "), err
		}, "ada-example/engine ada-example/notes", []string{"/api/v3/user/repos Bearer"}},
		{"what is not there", func(ctx context.Context, gh *github.Client) (string, error) {
			_, _, err := gh.Repositories.Get(ctx, "ada-example", "nothing")
			return "", err
		}, "GitHub says 404: Not Found", []string{"/api/v3/repos/ada-example/nothing Bearer"}},
		{"redirect to another site", func(ctx context.Context, gh *github.Client) (string, error) {
			r, _, err := gh.Repositories.Get(ctx, "ada-example", "moved")
			return r.GetFullName(), err
		}, "elsewhere/moved", []string{"/api/v3/repos/ada-example/moved Bearer", "elsewhere /moved"}},
		{"another site", func(ctx context.Context, gh *github.Client) (string, error) {
			gh, err := gh.WithEnterpriseURLs(elsewhere, elsewhere)
			if err != nil {
				return "", err
			}
			u, _, err := gh.Users.Get(ctx, "")
			return u.GetLogin(), err
		}, "somebody-elsewhere", []string{"elsewhere /api/v3/user"}},
	}
}

// A token of a GitHub App that GitHub does not accept any more is an error of the
// page that meets it, and is renewed for the next one (J6).
func TestGoGitHubWithRefusedToken(t *testing.T) {
	server := logintest.NewGitHub()
	server.TokenLifetime = time.Hour
	defer server.Close()
	s := newGitHubSite(t, server)
	s.do = func(ctx context.Context, gh *github.Client) (string, error) {
		u, _, err := gh.Users.Get(ctx, "")
		return u.GetLogin(), err
	}
	server.Set(func(gh *logintest.GitHub) {
		gh.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/api/v3/user" {
				return false
			}
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"message":"Bad credentials"}`)
			return true
		}
	})
	if got, want := s.read(t, "/do"), "GitHub says 401: Bad credentials"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	server.Set(func(gh *logintest.GitHub) { gh.Intercept = nil })
	for range 2 {
		if got, want := s.read(t, "/do"), "ada-example"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	renewals := 0
	for _, r := range server.Requests() {
		if r.Form.Get("grant_type") == "refresh_token" {
			renewals++
		}
	}
	if renewals != 1 {
		t.Errorf("got %d renewals, want 1", renewals)
	}
}
