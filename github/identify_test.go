package github_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/providertest"
)

const avatar = "https://avatars.githubusercontent.com/u/90000001?v=4"

// Whole logins, for every form in which GitHub describes a person (R12, R35, R36,
// T30), with exactly three requests: the picture is not fetched (T65).
func TestIdentify(t *testing.T) {
	ada := login.User{
		Provider: "github", ID: "90000001", Username: "ada-example", Name: "Ada Example", Picture: avatar,
		Email: "ada@example.test",
	}
	with := func(change func(*login.User)) login.User {
		u := ada
		change(&u)
		return u
	}
	noMail := with(func(u *login.User) { u.Email = "" })
	tests := []struct {
		name, user, emails string
		want               login.User
	}{
		{"private address", "user_private_email", "emails", ada},
		{"public address", "user_public_email", "emails", ada},
		{"private profile", "user_with_private_profile", "emails", ada},
		{"no name", "user_no_name", "emails", with(func(u *login.User) { u.Name = "ada-example" })},
		{"renamed keeps the ID", "user_renamed", "emails", with(func(u *login.User) { u.Username = "ada-renamed" })},
		{"ID above int32", "user_id_above_int32", "emails", with(func(u *login.User) {
			u.ID, u.Username, u.Name = "3000000001", "big-id", "Ada Example"
			u.Picture = "https://avatars.githubusercontent.com/u/3000000001?v=4"
		})},
		{"Enterprise Server", "user_enterprise_server", "emails", with(func(u *login.User) {
			u.ID, u.Picture = "7", "https://ghe.example.test/avatars/u/7?"
		})},
		{"no addresses", "user_private_email", "emails_empty", noMail},
		{"no scope for addresses", "user_private_email", "emails_missing_scope", noMail},
		{"no scope, public address", "user_public_email", "emails_missing_scope", with(func(u *login.User) {
			u.Email, u.UnverifiedEmail = "", "ada@example.test"
		})},
		{"unverified primary", "user_private_email", "emails_primary_unverified", with(func(u *login.User) {
			u.Email, u.UnverifiedEmail = "", "ada@example.test"
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gh := start(t, map[string]string{"GET user": tt.user, "GET user/emails": tt.emails})
			got := logIn(t, config(gh).Provider())
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			if !strings.Contains(string(got.User.Raw), `"login"`) {
				t.Errorf("got Raw %s, want GitHub's own words", got.User.Raw)
			}
			got.User.Raw = nil
			if !equal(*got.User, tt.want) {
				t.Errorf("got %+v, want %+v", *got.User, tt.want)
			}
			if want := []string{"POST token", "GET user", "GET user/emails"}; !slices.Equal(gh.Lines(), want) {
				t.Errorf("got requests %q, want %q", gh.Lines(), want)
			}
		})
	}
}

func equal(a, b login.User) bool {
	return a.Provider == b.Provider && a.ID == b.ID && a.Username == b.Username && a.Name == b.Name &&
		a.Picture == b.Picture && a.Email == b.Email && a.UnverifiedEmail == b.UnverifiedEmail && len(a.Extra) == 0
}

// The ID is a number that no float64 can hold (R35).
func TestIdentifyLargeID(t *testing.T) {
	gh := start(t, nil)
	gh.Set("GET user", providertest.JSON(200, `{"id": 9007199254740993, "login": "ada"}`))
	got := logIn(t, config(gh).Provider())
	if got.Err != nil || got.User.ID != "9007199254740993" {
		t.Errorf("got user %v, error %v, want ID 9007199254740993", got.User, got.Err)
	}
}

// What is not an account with a stable ID logs nobody in (G4, G7, T29).
func TestIdentifyRefuses(t *testing.T) {
	tests := []struct {
		name   string
		answer providertest.Answer
	}{
		{"no id", providertest.JSON(200, `{"login":"ada-example"}`)},
		{"null id", providertest.JSON(200, `{"id":null,"login":"ada-example"}`)},
		{"id 0", providertest.JSON(200, `{"id":0,"login":"ada-example"}`)},
		{"negative id", providertest.JSON(200, `{"id":-1,"login":"ada-example"}`)},
		{"fractional id", providertest.JSON(200, `{"id":1.5,"login":"ada-example"}`)},
		{"id above int64", providertest.JSON(200, `{"id":9223372036854775808}`)},
		{"id as text", providertest.JSON(200, `{"id":"90000001"}`)},
		{"null", providertest.JSON(200, `null`)},
		{"false", providertest.JSON(200, `false`)},
		{"list", providertest.JSON(200, `[{"id":90000001}]`)},
		{"half an answer", providertest.JSON(200, `{"id":90000001`)},
		{"two answers", providertest.JSON(200, `{"id":90000001}{"id":90000002}`)},
		{"empty", providertest.JSON(200, ``)},
		{"a page that is JSON", providertest.JSON(200, `{"id":90000001}`, "Content-Type", "text/html")},
		{"too large", providertest.JSON(200, `{"id":90000001,"bio":"`+strings.Repeat("x", 1<<20)+`"}`)},
		{"no content", providertest.JSON(204, ``)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gh := start(t, nil)
			gh.Set("GET user", tt.answer)
			got := logIn(t, config(gh).Provider())
			if !errors.Is(got.Err, login.ErrProvider) {
				t.Errorf("got user %v, error %v, want ErrProvider", got.User, got.Err)
			}
			if want := []string{"POST token", "GET user"}; !slices.Equal(gh.Lines(), want) {
				t.Errorf("got requests %q, want %q", gh.Lines(), want)
			}
		})
	}
}

// Failures of the API end the login with a reason for the log, which is not
// GitHub's text.
func TestAPIErrors(t *testing.T) {
	tests := []struct {
		name, line string
		answer     providertest.Answer
		want       string
		body       string // words of the answer that must not be in the error
	}{
		{"revoked token", "GET user", providertest.Load(t, "user_bad_credentials").Response, "status 401, the token", "Bad credentials"},
		{"rate limit", "GET user", providertest.Load(t, "user_rate_limited").Response, "status 403, a rate limit", "90000001"},
		{"secondary rate limit", "GET user", providertest.Load(t, "user_secondary_rate_limited").Response, "status 429, a rate limit", "secondary"},
		{"API version", "GET user", providertest.Load(t, "user_unsupported_api_version").Response, "status 400, perhaps because of the API version", "Unsupported"},
		{"trouble", "GET user", providertest.JSON(503, `{"message":"unicorn"}`), "status 503", "unicorn"},
		{"redirect", "GET user", providertest.JSON(302, `{}`, "Location", "https://evil.example/"), "redirect", "evil"},
		{"rate limit at the addresses", "GET user/emails", providertest.Load(t, "user_rate_limited").Response, "GET user/emails: have status 403, a rate limit", "90000001"},
		{"burst limit at the addresses", "GET user/emails", providertest.JSON(403, `{}`, "Retry-After", "60"), "a rate limit", "60"},
		{"revoked meanwhile", "GET user/emails", providertest.Load(t, "user_bad_credentials").Response, "status 401", "Bad credentials"},
		{"trouble at the addresses", "GET user/emails", providertest.JSON(500, `{"message":"unicorn"}`), "status 500", "unicorn"},
		{"addresses of another form", "GET user/emails", providertest.JSON(200, `{"email":"ada@example.test"}`), "not the JSON", "ada@"},
		{"verified is not a bool", "GET user/emails", providertest.JSON(200, `[{"email":"ada@example.test","primary":true,"verified":"false"}]`), "not the JSON", "ada@"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gh := start(t, nil)
			gh.Set(tt.line, tt.answer)
			got := logIn(t, config(gh).Provider())
			if !errors.Is(got.Err, login.ErrProvider) {
				t.Fatalf("got user %v, error %v, want ErrProvider", got.User, got.Err)
			}
			if text := got.Err.Error(); !strings.Contains(text, tt.want) || strings.Contains(text, tt.body) {
				t.Errorf("got %q, want it with %q and without %q", text, tt.want, tt.body)
			}
		})
	}
}

// A GitHub App without the permission "Email addresses" gets 403 for them, and
// the login goes on without.
func TestNoEmailPermission(t *testing.T) {
	gh := start(t, map[string]string{"POST token": "token_app_expiring_ok"})
	gh.Set("GET user/emails", providertest.JSON(403, `{"message":"Resource not accessible by integration"}`, "X-RateLimit-Remaining", "4999"))
	got := logIn(t, config(gh).Provider())
	if got.Err != nil || got.User.Email != "" || got.User.UnverifiedEmail != "" {
		t.Errorf("got user %+v, error %v, want one without e-mail", got.User, got.Err)
	}
}

// The primary address may be on a later page. Only that there is one is taken
// from the Link header: never a URL, to which the token would be sent.
func TestEmailPages(t *testing.T) {
	const (
		others  = `[{"email":"old@example.test","primary":false,"verified":true}]`
		primary = `[{"email":"ada@example.test","primary":true,"verified":true}]`
	)
	link := func(rel string) string {
		return `<https://evil.example/user/emails?page=1>; rel="first", <https://evil.example/user/emails?per_page=100&page=2>; rel="` + rel + `"`
	}
	tests := []struct {
		name, link  string
		second      string
		wantAddress string
		wantPages   int
	}{
		{"found on the second page", link("next"), primary, "ada@example.test", 2},
		{"last page", link("prev"), primary, "", 1},
		{"no link", "", primary, "", 1},
		{"not asked for ever", link("next"), others, "", 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gh := start(t, nil)
			gh.Set("GET user/emails", providertest.JSON(200, others, "Link", tt.link))
			gh.Set("GET user/emails?page=2", providertest.JSON(200, tt.second, "Link", tt.link))
			for _, page := range []string{"3", "4", "5"} {
				gh.Set("GET user/emails?page="+page, providertest.JSON(200, others, "Link", tt.link))
			}
			got := logIn(t, config(gh).Provider())
			if got.Err != nil || got.User.Email != tt.wantAddress || got.User.UnverifiedEmail != "" {
				t.Errorf("got user %+v, error %v, want %q", got.User, got.Err, tt.wantAddress)
			}
			if pages := len(gh.Lines()) - 2; pages != tt.wantPages {
				t.Errorf("got %d pages, want %d", pages, tt.wantPages)
			}
			for _, r := range gh.Requests() {
				if strings.HasPrefix(r.Line, "GET user/emails") && r.Query.Get("per_page") != "100" {
					t.Errorf("got per_page %q, want 100", r.Query.Get("per_page"))
				}
			}
		})
	}
}

// What the token is sent in, and what the API asks of every request (R31, R32,
// R34, G1, C1).
func TestRequests(t *testing.T) {
	gh := start(t, nil)
	c := config(gh)
	c.APIVersion = "2026-03-10"
	if got := logIn(t, c.Provider()); got.Err != nil {
		t.Fatal(got.Err)
	}
	token := gh.Last("POST token")
	if got := token.Header.Get("Accept"); got != "application/json" {
		t.Errorf("got Accept %q at the token endpoint, want application/json", got)
	}
	if token.Header.Get("Authorization") != "" || len(token.Query) > 0 {
		t.Errorf("got Authorization or a query at the token endpoint, want everything in the body")
	}
	form := token.Form()
	for key := range providertest.Load(t, "token_ok").Request.Form {
		if len(form[key]) != 1 || form.Get(key) == "" {
			t.Errorf("got %s %q, want it once", key, form[key])
		}
	}
	if form.Get("client_id") != clientID || form.Get("client_secret") != clientSecret {
		t.Errorf("got client_id %q and another secret, want ours", form.Get("client_id"))
	}
	for _, line := range []string{"GET user", "GET user/emails"} {
		h := gh.Last(line).Header
		for key, want := range map[string]string{
			"Authorization":        "Bearer gho_000000000000000000000000000000000000",
			"Accept":               "application/vnd.github+json",
			"X-GitHub-Api-Version": "2026-03-10",
		} {
			if h.Get(key) != want {
				t.Errorf("%s: got %s %q, want %q", line, key, h.Get(key), want)
			}
		}
		if h.Get("User-Agent") == "" || strings.HasPrefix(h.Get("User-Agent"), "Go-http-client") {
			t.Errorf("%s: got User-Agent %q, want our own", line, h.Get("User-Agent"))
		}
	}
	version := providertest.Load(t, "user_private_email").Request.Headers["X-GitHub-Api-Version"]
	gh = start(t, nil)
	logIn(t, config(gh).Provider())
	if got := gh.Last("GET user").Header.Get("X-GitHub-Api-Version"); got != version {
		t.Errorf("got API version %q, want %q", got, version)
	}
}

// The header of the grant's client outlives the login, for the application's own
// requests (R38).
func TestGrantClient(t *testing.T) {
	gh := start(t, nil)
	got := logIn(t, config(gh).Provider())
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	gh.Set("GET user/repos", providertest.JSON(200, `[]`))
	var repos []any
	if err := got.Grant.Get(t.Context(), "user/repos", &repos); err != nil {
		t.Fatal(err)
	}
	r := gh.Last("GET user/repos")
	if r.Header.Get("Authorization") == "" || r.URI != "/api/v3/user/repos" {
		t.Errorf("got %s with Authorization %q, want it below the API with the token", r.URI, r.Header.Get("Authorization"))
	}
	if got.Grant.Client.CheckRedirect(nil, nil) != http.ErrUseLastResponse {
		t.Error("got a client that follows redirects")
	}
}
