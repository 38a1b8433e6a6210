package github_test

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/github"
	"github.com/doorlatch/login/internal/providertest"
)

const (
	clientID     = "Iv1.0000000000000000"
	clientSecret = "SYNTHETIC-SECRET"
)

// canaries must never be in a URL that GitHub is asked for, nor in an error.
var canaries = providertest.Canaries{
	clientSecret, url.QueryEscape(clientSecret),
	"gho_0000", "ghu_0000", "ghu_1111", "ghr_0000", "ghr_1111", "SYNTHETICCODE",
}

// start returns an Enterprise Server at which Ada logs in without ado. answers
// name fixtures by request line.
func start(t *testing.T, answers map[string]string) *providertest.Server {
	t.Helper()
	all := map[string]string{"POST token": "token_ok", "GET user": "user_private_email", "GET user/emails": "emails"}
	maps.Copy(all, answers)
	gh := providertest.Start(t, providertest.Site{
		AuthorizePath: "/login/oauth/authorize", Line: line, Answers: all, Canaries: canaries,
	})
	delete(gh.Callback, "iss") // that of github.com
	return gh
}

// line is method and path, without the base of the API, and the number of any
// page but the first.
func line(r providertest.Request) string {
	path := strings.TrimPrefix(strings.TrimPrefix(r.Path, "/api/v3"), "/")
	if path == "login/oauth/access_token" {
		path = "token"
	}
	if page := r.Query.Get("page"); page != "" && page != "1" {
		path += "?page=" + page
	}
	return r.Method + " " + path
}

func config(gh *providertest.Server) github.Config {
	return github.Config{ClientID: clientID, ClientSecret: clientSecret, URL: gh.URL}
}

// logIn takes a browser through a whole login with p.
func logIn(t *testing.T, p login.Provider) providertest.Outcome {
	t.Helper()
	return providertest.LogIn(t, p, canaries)
}
