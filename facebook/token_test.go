package facebook_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/internal/providertest"
	"golang.org/x/oauth2"
)

// Every form in which a token comes (R10, R52, J6).
func TestToken(t *testing.T) {
	tests := []struct {
		answer  string
		expires time.Duration // 0: unknown
	}{
		{"token_ok", 5108 * time.Second},
		{"token_ok_no_expires", 0},
		{"token_ok_legacy_form", 5108 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.answer, func(t *testing.T) {
			fb := start(t, map[string]string{"POST token": tt.answer})
			began := time.Now()
			got := logIn(t, config(fb).Provider())
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			wantToken(t, got.Grant.Token, short, began, tt.expires)
		})
	}
}

func wantToken(t *testing.T, token *oauth2.Token, access string, began time.Time, expires time.Duration) {
	t.Helper()
	if token.AccessToken != access || token.Type() != "Bearer" || token.RefreshToken != "" {
		t.Errorf("got another token, want %s", access)
	}
	switch lasts := token.Expiry.Sub(began); {
	case expires == 0 && !token.Expiry.IsZero():
		t.Errorf("got expiry %v, want none", token.Expiry)
	case expires != 0 && (lasts < expires-time.Second || lasts > expires+10*time.Second):
		t.Errorf("got a token for %v, want %v", lasts, expires)
	}
}

// The token request is a form, once, with everything in the body (R17, R23, R52,
// C1, C2).
func TestTokenRequest(t *testing.T) {
	fb := start(t, nil)
	if got := logIn(t, config(fb).Provider()); got.Err != nil {
		t.Fatal(got.Err)
	}
	r := fb.Last("POST token")
	form := r.Form()
	for key, want := range providertest.Load(t, "token_ok").Request.Params {
		if key == "redirect_uri" {
			want = fb.Last("GET authorize").Query.Get(key)
		}
		if len(form[key]) != 1 || form.Get(key) != want {
			t.Errorf("got another %s, want %q", key, want)
		}
	}
	if len(form.Get("code_verifier")) < 43 || r.Header.Get("Authorization") != "" || len(r.Query) > 0 {
		t.Error("got no code_verifier, or a header or a query, want all in the body")
	}
}

// Facebook's errors are objects (C11, C14): their numbers come through, after one
// request, and their words do not.
func TestTokenErrors(t *testing.T) {
	tests := []struct {
		answer        string
		code, subcode int
	}{
		{"token_error_bad_app_id", 101, 0},
		{"token_error_bad_secret", 1, 0},
		{"token_error_code_expired", 100, 36007},
		{"token_error_code_used", 100, 36009},
		{"token_error_redirect_mismatch", 100, 36008},
		{"token_error_relative_redirect", 191, 0},
	}
	for _, tt := range tests {
		t.Run(tt.answer, func(t *testing.T) {
			fb := start(t, map[string]string{"POST token": tt.answer})
			got := logIn(t, config(fb).Provider())
			e, ok := errors.AsType[*facebook.Error](got.Err)
			want := facebook.Error{Status: 400, Type: "OAuthException", Code: tt.code, Subcode: tt.subcode, TraceID: "ASYNTHETICTRACE"}
			if !ok || *e != want || e.Expired() || !errors.Is(got.Err, login.ErrProvider) {
				t.Fatalf("got user %v, error %v, want %+v", got.User, got.Err, want)
			}
			noWords(t, got.Err.Error(), providertest.Load(t, tt.answer).Response)
			if want := []string{"POST token"}; !slices.Equal(fb.Lines(), want) {
				t.Errorf("got requests %q, want %q", fb.Lines(), want)
			}
		})
	}
}

// With LongLived the token of the login is exchanged at once, by a form, and
// everything after that is done with the new one (R53).
func TestLongLived(t *testing.T) {
	tests := []struct {
		exchange string
		expires  time.Duration
	}{
		{"exchange_long_lived_ok", 5183944 * time.Second},
		{"exchange_long_lived_no_expires", 0},
	}
	for _, tt := range tests {
		t.Run(tt.exchange, func(t *testing.T) {
			fb := start(t, map[string]string{"POST exchange": tt.exchange})
			c := config(fb)
			c.LongLived = true
			began := time.Now()
			got := logIn(t, c.Provider())
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			wantToken(t, got.Grant.Token, long, began, tt.expires)
			if want := []string{"POST token", "POST exchange", "GET me", "GET me/permissions"}; !slices.Equal(fb.Lines(), want) {
				t.Errorf("got requests %q, want %q", fb.Lines(), want)
			}
			r := fb.Last("POST exchange")
			for key, want := range providertest.Load(t, "exchange_long_lived_ok").Request.Params {
				if form := r.Form(); len(form[key]) != 1 || form.Get(key) != want {
					t.Errorf("got another %s, want %q", key, want)
				}
			}
			if len(r.Query) > 0 || r.Header.Get("Authorization") != "" {
				t.Errorf("got the query %v or a header, want all in the body", r.Query)
			}
			if got := fb.Last("GET me").Header.Get("Authorization"); got != "Bearer "+long {
				t.Error("got /me asked with the old token, want the new one")
			}
		})
	}
}

// An exchange with the secret of the Provider at hand, not with one captured.
func TestLongLivedChangedID(t *testing.T) {
	fb := start(t, map[string]string{"POST exchange": "exchange_long_lived_ok"})
	c := config(fb)
	c.LongLived, c.ClientID = true, "1"
	p := c.Provider()
	p.ClientID = clientID
	if got := logIn(t, p); got.Err != nil {
		t.Fatal(got.Err)
	}
	if got := fb.Last("POST exchange").Form().Get("client_id"); got != clientID {
		t.Errorf("got client_id %q, want %q", got, clientID)
	}
}

// If the exchange fails, so does the login.
func TestLongLivedFails(t *testing.T) {
	tests := []struct {
		name     string
		exchange providertest.Answer
		want     facebook.Error // zero: none
	}{
		{"expired", providertest.Load(t, "exchange_error_expired_token").Response,
			facebook.Error{Status: 400, Type: "OAuthException", Code: 190, Subcode: 463, TraceID: "ASYNTHETICTRACE"}},
		{"error with status 200", providertest.JSON(200, `{"error":{"code":1}}`), facebook.Error{Status: 200, Code: 1}},
		{"trouble", providertest.JSON(500, `unicorn EAASYNTHETICSHORT`), facebook.Error{}},
		{"no token", providertest.JSON(200, `{"token_type":"bearer"}`), facebook.Error{}},
		{"token of another type", providertest.JSON(200, `{"access_token":"EAASYNTHETICLONG","token_type":"mac"}`), facebook.Error{}},
		{"redirect", providertest.JSON(307, `{}`, "Location", "https://evil.example/"), facebook.Error{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			fb.Set("POST exchange", tt.exchange)
			c := config(fb)
			c.LongLived = true
			got := logIn(t, c.Provider())
			if !errors.Is(got.Err, login.ErrProvider) || !strings.Contains(got.Err.Error(), "exchange for a long-lived token") {
				t.Fatalf("got user %v, error %v, want ErrProvider for the exchange", got.User, got.Err)
			}
			e, ok := errors.AsType[*facebook.Error](got.Err)
			if ok != (tt.want != facebook.Error{}) || ok && *e != tt.want {
				t.Errorf("got %v, want %+v", got.Err, tt.want)
			}
			if strings.Contains(got.Err.Error(), "unicorn") || strings.Contains(got.Err.Error(), "://") {
				t.Errorf("got %q, want it without Facebook's text", got.Err)
			}
			if want := []string{"POST token", "POST exchange"}; !slices.Equal(fb.Lines(), want) {
				t.Errorf("got requests %q, want %q", fb.Lines(), want)
			}
		})
	}
}

// There is no renewal, only another login (R54).
func TestRenew(t *testing.T) {
	p := facebook.New(clientID, clientSecret)
	token, err := p.Renew(t.Context(), &login.Grant{Provider: p, Token: &oauth2.Token{AccessToken: short}})
	if token != nil || !errors.Is(err, login.ErrNoToken) {
		t.Errorf("got token %v, error %v, want ErrNoToken", token != nil, err)
	}
}

// Revoking withdraws what the person allowed, and takes either way of saying yes
// for it (R87).
func TestRevoke(t *testing.T) {
	tests := []struct {
		name   string
		answer providertest.Answer
		want   error
	}{
		{"object", providertest.Load(t, "permissions_delete_ok").Response, nil},
		{"bare", providertest.Load(t, "permissions_delete_ok_bare").Response, nil},
		{"not", providertest.JSON(200, `false`), login.ErrProvider},
		{"object that says no", providertest.JSON(200, `{"success":false}`), login.ErrProvider},
		{"object that says nothing", providertest.JSON(200, `{}`), login.ErrProvider},
		{"text", providertest.JSON(200, `"true"`), login.ErrProvider},
		{"app not installed", providertest.Load(t, "me_error_190_app_not_installed").Response, nil},
		{"expired", providertest.Load(t, "me_error_190_expired").Response, nil},
		{"checkpointed", providertest.Load(t, "me_error_190_checkpointed").Response, login.ErrProvider},
		{"temporary", providertest.Load(t, "me_error_temporary").Response, login.ErrProvider},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			got := logIn(t, config(fb).Provider())
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			fb.Set("DELETE me/permissions", tt.answer)
			err := got.Grant.Provider.Revoke(t.Context(), got.Grant)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err != nil {
				canaries.NotIn(t, err.Error())
			}
			fb.Last("DELETE me/permissions")
		})
	}
	p := facebook.New(clientID, clientSecret)
	for _, token := range []*oauth2.Token{nil, {}} {
		if err := p.Revoke(t.Context(), &login.Grant{Provider: p, Token: token}); !errors.Is(err, login.ErrNoToken) {
			t.Errorf("got %v, want ErrNoToken", err)
		}
	}
}

// The vectors of appsecret_proof (R61). The token stays out of the URL, and the
// URL that a request is logged by stays as it was.
func TestProof(t *testing.T) {
	p := facebook.New(clientID, clientSecret)
	for token, want := range proofs(t) {
		r, err := http.NewRequest(http.MethodGet, "https://graph.facebook.com/v25.0/me?fields=id%2Cname&appsecret_proof=old", nil)
		if err != nil {
			t.Fatal(err)
		}
		before := r.URL
		p.Authorize(r, &login.Grant{Provider: p, Token: &oauth2.Token{AccessToken: token}})
		q := r.URL.Query()
		if len(q["appsecret_proof"]) != 1 || q.Get("appsecret_proof") != want || q.Get("fields") != "id,name" || len(q) != 2 {
			t.Errorf("%s: got %v, want fields and the proof %s", token, q, want)
		}
		if r.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("got another header, want Bearer %s", token)
		}
		if before.Query().Get("appsecret_proof") != "old" {
			t.Error("got the URL of the original request changed")
		}
	}
}
