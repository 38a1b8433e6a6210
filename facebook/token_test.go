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
			got := logIn(t, fb.config().Provider())
			if got.err != nil {
				t.Fatal(got.err)
			}
			wantToken(t, got.grant.Token, short, began, tt.expires)
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
	if got := logIn(t, fb.config().Provider()); got.err != nil {
		t.Fatal(got.err)
	}
	r := fb.last("POST token")
	form := r.form()
	for key, want := range load(t, "token_ok").Request.Params {
		if key == "redirect_uri" {
			want = fb.last("GET authorize").query.Get(key)
		}
		if len(form[key]) != 1 || form.Get(key) != want {
			t.Errorf("got another %s, want %q", key, want)
		}
	}
	if len(form.Get("code_verifier")) < 43 || r.header.Get("Authorization") != "" || len(r.query) > 0 {
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
			got := logIn(t, fb.config().Provider())
			e, ok := errors.AsType[*facebook.Error](got.err)
			want := facebook.Error{Status: 400, Type: "OAuthException", Code: tt.code, Subcode: tt.subcode, TraceID: "ASYNTHETICTRACE"}
			if !ok || *e != want || e.Expired() || !errors.Is(got.err, login.ErrProvider) {
				t.Fatalf("got user %v, error %v, want %+v", got.user, got.err, want)
			}
			noWords(t, got.err.Error(), load(t, tt.answer).Response)
			if want := []string{"POST token"}; !slices.Equal(fb.lines(), want) {
				t.Errorf("got requests %q, want %q", fb.lines(), want)
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
			c := fb.config()
			c.LongLived = true
			began := time.Now()
			got := logIn(t, c.Provider())
			if got.err != nil {
				t.Fatal(got.err)
			}
			wantToken(t, got.grant.Token, long, began, tt.expires)
			if want := []string{"POST token", "POST exchange", "GET me", "GET me/permissions"}; !slices.Equal(fb.lines(), want) {
				t.Errorf("got requests %q, want %q", fb.lines(), want)
			}
			r := fb.last("POST exchange")
			for key, want := range load(t, "exchange_long_lived_ok").Request.Params {
				if form := r.form(); len(form[key]) != 1 || form.Get(key) != want {
					t.Errorf("got another %s, want %q", key, want)
				}
			}
			if len(r.query) > 0 || r.header.Get("Authorization") != "" {
				t.Errorf("got the query %v or a header, want all in the body", r.query)
			}
			if got := fb.last("GET me").header.Get("Authorization"); got != "Bearer "+long {
				t.Error("got /me asked with the old token, want the new one")
			}
		})
	}
}

// An exchange with the secret of the Provider at hand, not with one captured.
func TestLongLivedChangedID(t *testing.T) {
	fb := start(t, map[string]string{"POST exchange": "exchange_long_lived_ok"})
	c := fb.config()
	c.LongLived, c.ClientID = true, "1"
	p := c.Provider()
	p.ClientID = clientID
	if got := logIn(t, p); got.err != nil {
		t.Fatal(got.err)
	}
	if got := fb.last("POST exchange").form().Get("client_id"); got != clientID {
		t.Errorf("got client_id %q, want %q", got, clientID)
	}
}

// If the exchange fails, so does the login.
func TestLongLivedFails(t *testing.T) {
	tests := []struct {
		name     string
		exchange answer
		want     facebook.Error // zero: none
	}{
		{"expired", load(t, "exchange_error_expired_token").Response,
			facebook.Error{Status: 400, Type: "OAuthException", Code: 190, Subcode: 463, TraceID: "ASYNTHETICTRACE"}},
		{"error with status 200", jsonAnswer(200, `{"error":{"code":1}}`), facebook.Error{Status: 200, Code: 1}},
		{"trouble", jsonAnswer(500, `unicorn EAASYNTHETICSHORT`), facebook.Error{}},
		{"no token", jsonAnswer(200, `{"token_type":"bearer"}`), facebook.Error{}},
		{"token of another type", jsonAnswer(200, `{"access_token":"EAASYNTHETICLONG","token_type":"mac"}`), facebook.Error{}},
		{"redirect", jsonAnswer(307, `{}`, "Location", "https://evil.example/"), facebook.Error{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			fb.set("POST exchange", tt.exchange)
			c := fb.config()
			c.LongLived = true
			got := logIn(t, c.Provider())
			if !errors.Is(got.err, login.ErrProvider) || !strings.Contains(got.err.Error(), "exchange for a long-lived token") {
				t.Fatalf("got user %v, error %v, want ErrProvider for the exchange", got.user, got.err)
			}
			e, ok := errors.AsType[*facebook.Error](got.err)
			if ok != (tt.want != facebook.Error{}) || ok && *e != tt.want {
				t.Errorf("got %v, want %+v", got.err, tt.want)
			}
			if strings.Contains(got.err.Error(), "unicorn") || strings.Contains(got.err.Error(), "://") {
				t.Errorf("got %q, want it without Facebook's text", got.err)
			}
			if want := []string{"POST token", "POST exchange"}; !slices.Equal(fb.lines(), want) {
				t.Errorf("got requests %q, want %q", fb.lines(), want)
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
		answer answer
		want   error
	}{
		{"object", load(t, "permissions_delete_ok").Response, nil},
		{"bare", load(t, "permissions_delete_ok_bare").Response, nil},
		{"not", jsonAnswer(200, `false`), login.ErrProvider},
		{"object that says no", jsonAnswer(200, `{"success":false}`), login.ErrProvider},
		{"object that says nothing", jsonAnswer(200, `{}`), login.ErrProvider},
		{"text", jsonAnswer(200, `"true"`), login.ErrProvider},
		{"app not installed", load(t, "me_error_190_app_not_installed").Response, nil},
		{"expired", load(t, "me_error_190_expired").Response, nil},
		{"checkpointed", load(t, "me_error_190_checkpointed").Response, login.ErrProvider},
		{"temporary", load(t, "me_error_temporary").Response, login.ErrProvider},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			got := logIn(t, fb.config().Provider())
			if got.err != nil {
				t.Fatal(got.err)
			}
			fb.set("DELETE me/permissions", tt.answer)
			err := got.grant.Provider.Revoke(t.Context(), got.grant)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err != nil {
				noCanary(t, err.Error())
			}
			fb.last("DELETE me/permissions")
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
