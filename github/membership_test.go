package github_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/github"
	"github.com/doorlatch/login/internal/providertest"
)

const memberOf = "GET user/memberships/orgs/"

// Only an active membership lets in; whatever cannot be found out does not
// (PROVIDERS: Membership).
func TestOrganizations(t *testing.T) {
	active, pending := providertest.Load(t, "org_membership_active").Response, providertest.Load(t, "org_membership_pending").Response
	none, sso := providertest.Load(t, "org_membership_none").Response, providertest.Load(t, "org_membership_sso_required").Response
	blocked := providertest.JSON(403, `{"message":"the organization has enabled OAuth App access restrictions"}`, "X-RateLimit-Remaining", "4999")
	tests := []struct {
		name          string
		organizations []string
		answers       []providertest.Answer // in order; requests beyond them fail the test
		want          error                 // nil: logged in
		words         string                // of the error
	}{
		{"active", []string{"example-org"}, []providertest.Answer{active}, nil, ""},
		{"invited", []string{"example-org"}, []providertest.Answer{pending}, login.ErrForbidden, "Only members of example-org on GitHub may log in here."},
		{"no member", []string{"other-org"}, []providertest.Answer{none}, login.ErrForbidden, "Only members of other-org on GitHub"},
		{"member of the second", []string{"other-org", "example-org"}, []providertest.Answer{none, active}, nil, ""},
		{"member of the first", []string{"example-org", "other-org"}, []providertest.Answer{active}, nil, ""},
		{"member of none of three", []string{"a", "b-1", "C"}, []providertest.Answer{none, pending, none}, login.ErrForbidden, "Only members of a, b-1 or C on GitHub"},
		{"single sign-on", []string{"example-org"}, []providertest.Answer{sso}, login.ErrForbidden, "example-org demands single sign-on: authorize this application"},
		{"single sign-on, member of the other", []string{"example-org", "other-org"}, []providertest.Answer{sso, active}, nil, ""},
		{"app not approved", []string{"example-org"}, []providertest.Answer{blocked}, login.ErrForbidden, "example-org has not approved this application"},
		{"not said", []string{"example-org"}, []providertest.Answer{providertest.JSON(200, `{}`)}, login.ErrForbidden, "Only members"},
		{"of another form", []string{"example-org"}, []providertest.Answer{providertest.JSON(200, `[]`)}, login.ErrProvider, "not the JSON"},
		{"rate limit", []string{"example-org"}, []providertest.Answer{providertest.Load(t, "user_rate_limited").Response}, login.ErrProvider, "a rate limit"},
		{"revoked", []string{"example-org"}, []providertest.Answer{providertest.Load(t, "user_bad_credentials").Response}, login.ErrProvider, "status 401"},
		{"trouble", []string{"example-org", "other-org"}, []providertest.Answer{providertest.JSON(502, `{}`)}, login.ErrProvider, "status 502"},
		{"trouble at the second", []string{"other-org", "example-org"}, []providertest.Answer{none, providertest.JSON(500, `{}`)}, login.ErrProvider, "status 500"},
		{"renamed", []string{"example-org"}, []providertest.Answer{providertest.JSON(301, `{}`, "Location", "/api/v3/user/memberships/orgs/new-org")}, login.ErrProvider, "redirect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gh := start(t, nil)
			want := []string{"POST token", "GET user"}
			for i, a := range tt.answers {
				gh.Set(memberOf+tt.organizations[i], a)
				want = append(want, memberOf+tt.organizations[i])
			}
			if tt.want == nil {
				want = append(want, "GET user/emails") // those of others are not our business
			}
			c := config(gh)
			c.Organizations = tt.organizations
			got := logIn(t, c.Provider())
			if !errors.Is(got.Err, tt.want) || errors.Is(got.Err, login.ErrForbidden) && errors.Is(got.Err, login.ErrProvider) {
				t.Fatalf("got %v, want %v", got.Err, tt.want)
			}
			if !slices.Equal(gh.Lines(), want) {
				t.Errorf("got requests %q, want %q", gh.Lines(), want)
			}
			if tt.want == nil {
				return
			}
			if text := got.Err.Error(); !strings.Contains(text, tt.words) || strings.Contains(text, "://") {
				t.Errorf("got %q, want %q in it and no URL", text, tt.words)
			}
		})
	}
}

// The person reads the refusal, but never a URL that the provider's answer holds.
func TestRefusalPage(t *testing.T) {
	gh := start(t, map[string]string{memberOf + "example-org": "org_membership_sso_required"})
	c := config(gh)
	c.Organizations = []string{"example-org"}
	got := providertest.Browse(t, login.Config{Providers: []login.Provider{c.Provider()}})
	if got.Status != http.StatusForbidden {
		t.Errorf("got status %d, want 403", got.Status)
	}
	for _, want := range []string{"Only members of example-org on GitHub may log in here.", "single sign-on"} {
		if !strings.Contains(got.Page, want) {
			t.Errorf("got the page\n%s\nwant %q in it", got.Page, want)
		}
	}
	if strings.Contains(got.Page, "SYNTHETIC") || strings.Contains(got.Page, "github.com/orgs") {
		t.Errorf("got the page\n%s\nwant no URL from the answer in it", got.Page)
	}
}

// A text that is no name comes out at login.New, and is not sent anywhere (T63).
func TestOrganizationNames(t *testing.T) {
	for _, name := range []string{"", " ", "example-org ", "a/b", "..", "a%2fb", "a?b", "a_b", "é", "a\n"} {
		c := github.Config{ClientID: clientID, ClientSecret: clientSecret, Organizations: []string{"example-org", name}}
		if err := providertest.Check(c.Provider()); err == nil || !strings.Contains(err.Error(), "Organizations") {
			t.Errorf("%q: got %v, want an error", name, err)
		}
	}
	c := github.Config{ClientID: clientID, ClientSecret: clientSecret, Organizations: []string{"a", "Example-Org-2", "-"}}
	if err := providertest.Check(c.Provider()); err != nil {
		t.Error(err)
	}
}

// A GitHub that does not answer in time refuses the login (T51).
func TestMembershipTimeout(t *testing.T) {
	gh := start(t, nil)
	c := config(gh)
	c.Organizations = []string{"example-org"}
	gh.Set(memberOf+"example-org", providertest.Load(t, "org_membership_active").Response)
	got := logIn(t, c.Provider())
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	hang := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "memberships") {
			cancel() // as the deadline would
			<-r.Context().Done()
			return
		}
		providertest.Load(t, "user_private_email").Response.Send(w)
	}))
	defer hang.Close()
	g := *got.Grant
	g.Client = &http.Client{Transport: to(hang.URL)}
	u, err := g.Provider.Identify(ctx, &g)
	if u != nil || !errors.Is(err, login.ErrProvider) || !errors.Is(err, context.Canceled) {
		t.Errorf("got user %v, error %v, want ErrProvider and why", u, err)
	}
}

// to sends every request to one server.
type to string

func (base to) RoundTrip(r *http.Request) (*http.Response, error) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, string(base)+"/"+r.URL.Path, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultTransport.RoundTrip(out)
}

// The scope that shows memberships is asked for whenever it is needed.
func TestOrganizationScope(t *testing.T) {
	tests := []struct {
		name          string
		scopes        []string
		organizations []string
		want          []string
	}{
		{"default", nil, nil, []string{"read:user", "user:email"}},
		{"default with organizations", nil, []string{"a"}, []string{"read:user", "user:email", "read:org"}},
		{"own", []string{"repo"}, nil, []string{"repo"}},
		{"own with organizations", []string{"repo"}, []string{"a"}, []string{"repo", "read:org"}},
		{"there already", []string{"read:org", "repo"}, []string{"a"}, []string{"read:org", "repo"}},
		{"a larger one is there", []string{"admin:org"}, []string{"a"}, []string{"admin:org"}},
		{"none", []string{}, nil, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gh := start(t, nil)
			c := config(gh)
			c.Scopes, c.Organizations = slices.Clone(tt.scopes), tt.organizations
			p := c.Provider()
			if len(c.Scopes) > 0 {
				c.Scopes[0] = "changed" // too late
			}
			if !slices.Equal(p.Scopes, tt.want) {
				t.Errorf("got %q, want %q", p.Scopes, tt.want)
			}
		})
	}
}
