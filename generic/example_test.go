package generic_test

import (
	"context"
	"encoding/json"
	"os"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
)

// A company's own OpenID Connect server.
func ExampleOIDC() {
	work := generic.OIDC(generic.Config{
		Name:         "work",
		Label:        "Example Ltd",
		Issuer:       "https://id.example.com/realms/staff",
		ClientID:     os.Getenv("WORK_CLIENT_ID"),
		ClientSecret: os.Getenv("WORK_CLIENT_SECRET"),
	})
	_ = login.Config{Providers: []login.Provider{work}}
}

// GitLab by its REST API.
func ExampleOAuth2() {
	gitlab := generic.OAuth2(generic.Config{
		Name:         "gitlab",
		Label:        "GitLab",
		ClientID:     os.Getenv("GITLAB_CLIENT_ID"),
		ClientSecret: os.Getenv("GITLAB_CLIENT_SECRET"),
		AuthURL:      "https://gitlab.com/oauth/authorize",
		TokenURL:     "https://gitlab.com/oauth/token",
		UserURL:      "https://gitlab.com/api/v4/user",
		Scopes:       []string{"read_user"},
		Fields:       generic.Fields{ID: "/id", Username: "/username", Name: "/name", Email: "/email", Picture: "/avatar_url"},
	})
	_ = login.Config{Providers: []login.Provider{gitlab}}
}

// A check of one's own: only members of a group may log in.
func ExampleOIDC_group() {
	p := generic.OIDC(generic.Config{ /* as above */ })
	identify := p.Identify
	p.Identify = func(ctx context.Context, g *login.Grant) (*login.User, error) {
		u, err := identify(ctx, g)
		if err != nil {
			return nil, err
		}
		var claims struct{ Groups []string }
		if err := json.Unmarshal(u.Raw, &claims); err != nil {
			return nil, err
		}
		for _, group := range claims.Groups {
			if group == "staff" {
				return u, nil
			}
		}
		return nil, login.Refusal("Only staff may log in here.")
	}
	_ = login.Config{Providers: []login.Provider{p}}
}
