package facebook_test

import (
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/internal/providertest"
	"golang.org/x/oauth2"
)

const (
	clientID     = "100000000000001"
	clientSecret = "0123456789abcdef0123456789abcdef"
	short, long  = "EAASYNTHETICSHORT", "EAASYNTHETICLONG"
	pageToken    = "EAASYNTHETICPAGE"
	appToken     = clientID + "|" + clientSecret
	appProof     = "1cb7cc0444f4cb6cd4f3a50edcb93333ad848098c2b35532867f8a5c3f280d51"
)

// canaries must never be in a URL that Facebook is asked for, nor in an error.
var canaries = providertest.Canaries{clientSecret, short, long, "SYNTHETICCODE"}

// start returns the login dialog and the Graph API, at which Grace logs in
// without ado. answers name fixtures by request line.
func start(t *testing.T, answers map[string]string) *providertest.Server {
	t.Helper()
	all := map[string]string{"POST token": "token_ok", "GET me": "me_ok", "GET me/permissions": "permissions_mixed"}
	maps.Copy(all, answers)
	byToken := proofs(t)
	byToken[appToken] = appProof
	return providertest.Start(t, providertest.Site{
		AuthorizePath: "/v25.0/dialog/oauth",
		Line: func(r providertest.Request) string {
			if r.Path != tokenPath {
				checkProof(t, r, byToken)
			}
			return line(r)
		},
		Answers:  all,
		Canaries: canaries,
	})
}

const tokenPath = "/v25.0/oauth/access_token"

// line is method and path, without the version, and the cursor if there is one.
func line(r providertest.Request) string {
	switch {
	case r.Query.Get("after") != "":
		return r.Method + " " + strings.TrimPrefix(r.Path, "/v25.0/") + " after " + r.Query.Get("after")
	case r.Path != tokenPath:
		return r.Method + " " + strings.TrimPrefix(r.Path, "/v25.0/")
	case r.Form().Get("grant_type") == "fb_exchange_token":
		return r.Method + " exchange"
	}
	return r.Method + " token"
}

// checkProof wants of each request to the Graph API a token in the header and
// the proof that belongs to it (R34, R61).
func checkProof(t *testing.T, r providertest.Request, byToken map[string]string) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if proof := r.Query["appsecret_proof"]; !ok || len(proof) != 1 || proof[0] != byToken[token] {
		t.Errorf("%s: got the proof %q, want the one of the token in the header", r.Path, proof)
	}
}

// proofs returns the test vectors of appsecret_proof, by access token.
func proofs(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		AppSecret string `json:"app_secret"`
		Vectors   []struct {
			Token string `json:"access_token"`
			Proof string `json:"appsecret_proof"`
		}
	}
	b, err := os.ReadFile("testdata/appsecret_proof_vectors.json")
	if err != nil || json.Unmarshal(b, &file) != nil || file.AppSecret != clientSecret || len(file.Vectors) == 0 {
		t.Fatal("want vectors for our secret", err)
	}
	proofs := map[string]string{}
	for _, v := range file.Vectors {
		proofs[v.Token] = v.Proof
	}
	return proofs
}

func config(fb *providertest.Server) facebook.Config {
	return facebook.Config{ClientID: clientID, ClientSecret: clientSecret, DialogURL: fb.URL, GraphURL: fb.URL}
}

// grant returns the grant of a login at fb.
func grant(t *testing.T, fb *providertest.Server) *login.Grant {
	t.Helper()
	got := logIn(t, config(fb).Provider())
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	return got.Grant
}

// with returns g with another token.
func with(g *login.Grant, token string) *login.Grant {
	other := *g
	other.Token = &oauth2.Token{AccessToken: token}
	return &other
}

// logIn takes a browser through a whole login with p.
func logIn(t *testing.T, p login.Provider) providertest.Outcome {
	t.Helper()
	return providertest.LogIn(t, p, canaries)
}
