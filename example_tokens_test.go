package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/doorlatch/login"
)

// A page that shows the person's own data at the provider. The client sends their
// token to the provider's API, and renews it when it has ended.
func ExampleAuth_Client() {
	auth := mustAuth(login.Config{})
	auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := auth.Client(w, r) // before the answer is begun: it may set a cookie
		if err != nil {
			http.Error(w, "Your repositories cannot be shown right now.", http.StatusBadGateway)
			return
		}
		resp, err := c.Get("/user/repos")
		if err != nil {
			http.Error(w, "Your repositories cannot be shown right now.", http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		var repos []struct{ Name string }
		if err := json.NewDecoder(resp.Body).Decode(&repos); err == nil {
			fmt.Fprintln(w, repos)
		}
	}))
}

// A page that asks for one more permission, at the moment when it is needed, and of
// the account that the person has used so far.
func ExampleAuth_Start() {
	auth := mustAuth(login.Config{})
	auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth.Start(w, r, login.Start{
			Provider: "github", Scopes: []string{"repo"}, Next: "/repositories",
			Params: url.Values{"login": {login.UserFrom(r.Context()).Username}},
		})
	}))
}

// Somebody who is logged in adds an account at another provider:
//
//	<form method="post" action="/connect/github?next=/settings"><button>Connect GitHub</button></form>
func ExampleConfig_onConnect() {
	owner := map[[2]string]string{} // account -> user; a table of the application
	mustAuth(login.Config{
		OnConnect: func(r *http.Request, u *login.User, g *login.Grant) error {
			account, me := [2]string{g.User.Provider, g.User.ID}, u.Provider+" "+u.ID
			if other, taken := owner[account]; taken && other != me {
				return login.Refusal("This account is connected with another user already.")
			}
			owner[account] = me
			return nil
		},
	})
}

// Logging out means it: the session ends at every replica, the token at the
// provider, and the provider's own session.
func ExampleConfig_endSession() {
	mustAuth(login.Config{
		RevokeTokens: true,
		EndSession:   true, // register https://example.com/logout there as a post-logout redirect URI
	})
}

// An account that is closed is logged out everywhere.
func ExampleAuth_End() {
	auth := mustAuth(login.Config{})
	_ = func(w http.ResponseWriter, r *http.Request) {
		if err := auth.End(r.Context(), r.FormValue("provider"), r.FormValue("id")); err != nil {
			http.Error(w, "Other servers may not know yet.", http.StatusInternalServerError)
		}
	}
}

// A job that runs at night as the person who has connected their account; the token
// is kept in OnConnect, by auth.Keep(r.Context(), "nightly", g).
func ExampleAuth_ClientFor() {
	var store login.TokenStore // tokenstore.NewFile("/var/lib/site/tokens"), or tokenstore.SQL
	auth := mustAuth(login.Config{Tokens: store})
	_ = func(ctx context.Context) error {
		c, err := auth.ClientFor(ctx, "nightly")
		if errors.Is(err, login.ErrNoToken) {
			return fmt.Errorf("the account has to be connected again: %w", err)
		}
		if err != nil {
			return err // tomorrow, perhaps
		}
		resp, err := c.Get("/notifications")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}
