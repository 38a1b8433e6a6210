package facebook_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/internal/providertest"
)

// inspected has characters that a URL escapes.
const inspected = "EAASYNTHETIC+/%INSPECTED&input_token=x"

// What Facebook says about a token (R55). A token that does not work is no error.
func TestInspect(t *testing.T) {
	fixture := func(name string) providertest.Answer { return providertest.Load(t, name).Response }
	pageScopes := []string{"pages_show_list", "pages_manage_posts", "pages_read_engagement", "public_profile"}
	tests := []struct {
		name   string
		answer providertest.Answer
		want   facebook.Inspection
	}{
		{"of a login", fixture("debug_token_user"), facebook.Inspection{
			Valid: true, Type: "USER", User: "1000000000000017", Scopes: []string{"email", "public_profile"},
			Expires: time.Unix(1790005108, 0), DataExpires: time.Unix(1797800000, 0)}},
		{"long-lived", fixture("debug_token_long_lived"), facebook.Inspection{
			Valid: true, Type: "USER", User: "1000000000000017", Scopes: append([]string{"email"}, pageScopes...),
			Expires: time.Unix(1795183944, 0), DataExpires: time.Unix(1797800000, 0)}},
		{"of a page", fixture("debug_token_page_never_expires"), facebook.Inspection{
			Valid: true, Type: "PAGE", User: "1000000000000017", Page: "200000000000002", Scopes: pageScopes,
			DataExpires: time.Unix(1797800000, 0)}},
		{"invalid", fixture("debug_token_invalid"), facebook.Inspection{
			Reason: &facebook.Error{Status: 200, Code: 190, Subcode: 460}, Type: "USER", User: "1000000000000017",
			Scopes: []string{"public_profile"}, Expires: time.Unix(1790000000, 0), DataExpires: time.Unix(1790000000, 0)}},
		{"unreadable", providertest.JSON(200, `{"data":{"error":{"code":190,"message":"Invalid OAuth access token."},"is_valid":false,"scopes":[]}}`),
			facebook.Inspection{Reason: &facebook.Error{Status: 200, Code: 190}, Scopes: []string{}}},
		{"invalid without a reason", providertest.JSON(200, `{"data":{"app_id":"100000000000001"}}`),
			facebook.Inspection{Reason: &facebook.Error{Status: 200}}},
		{"IDs that are numbers", providertest.JSON(200, `{"data":{"app_id":100000000000001,"user_id":1207059,"profile_id":null,"is_valid":true,"data_access_expires_at":0}}`),
			facebook.Inspection{Valid: true, User: "1207059"}},
		{"an error beside the data", providertest.JSON(200, `{"data":{"app_id":"100000000000001","is_valid":true,"type":"U\nSER","error":{"code":190}}}`),
			facebook.Inspection{Valid: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			g := grant(t, fb)
			fb.Set("GET debug_token", tt.answer)
			got, err := facebook.Inspect(t.Context(), with(g, inspected))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("got %+v (reason %v), want %+v (reason %v)", *got, got.Reason, tt.want, tt.want.Reason)
			}
			r := fb.Last("GET debug_token")
			if r.Header.Get("Authorization") != "Bearer "+appToken {
				t.Error("got another header, want the app's token")
			}
			if len(r.Query) != 2 || !slices.Equal(r.Query["input_token"], []string{inspected}) { // the other is the proof
				t.Errorf("got the query %v, want input_token and the proof", r.Query)
			}
			if g.Token.AccessToken != short {
				t.Error("got the token of the grant changed")
			}
		})
	}
}

// Whatever is not an answer about a token of this app is an error, without a secret
// in it (R55).
func TestInspectRefuses(t *testing.T) {
	tests := []struct {
		name   string
		answer providertest.Answer
		want   error
		code   int // of the *Error; 0: none
	}{
		{"of another app", providertest.Load(t, "debug_token_other_app").Response, login.ErrNoToken, 0},
		{"of another app and invalid", providertest.JSON(200, `{"data":{"app_id":"2","is_valid":false}}`), login.ErrNoToken, 0},
		{"of no app", providertest.JSON(200, `{"data":{"user_id":"1000000000000017","is_valid":true}}`), login.ErrNoToken, 0},
		{"app ID with a prefix", providertest.JSON(200, `{"data":{"app_id":"1000000000000010","is_valid":true}}`), login.ErrNoToken, 0},
		{"not ours, says Facebook", providertest.JSON(400, `{"error":{"message":"(#100) EAASYNTHETIC did not match the Viewing App","type":"OAuthException","code":100}}`), login.ErrProvider, 100},
		{"bad secret", providertest.JSON(400, `{"error":{"message":"Invalid `+appToken+`","type":"OAuthException","code":190}}`), login.ErrProvider, 190},
		{"error with status 200", providertest.JSON(200, `{"error":{"code":1},"data":{"app_id":"100000000000001","is_valid":true}}`), login.ErrProvider, 1},
		{"no data", providertest.JSON(200, `{"is_valid":true,"app_id":"100000000000001"}`), login.ErrProvider, 0},
		{"null", providertest.JSON(200, `null`), login.ErrProvider, 0},
		{"list", providertest.JSON(200, `{"data":[]}`), login.ErrProvider, 0},
		{"words for a truth value", providertest.JSON(200, `{"data":{"app_id":"100000000000001","is_valid":"true"}}`), login.ErrProvider, 0},
		{"text", providertest.JSON(200, `ok`, "Content-Type", "text/plain"), login.ErrProvider, 0},
		{"trouble", providertest.JSON(503, `unicorn`), login.ErrProvider, 0},
		{"redirect", providertest.JSON(302, ``, "Location", "https://evil.example/"), login.ErrProvider, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			g := grant(t, fb)
			fb.Set("GET debug_token", tt.answer)
			got, err := facebook.Inspect(t.Context(), with(g, inspected))
			if got != nil || !errors.Is(err, tt.want) {
				t.Fatalf("got %v, error %v, want %v", got, err, tt.want)
			}
			if e, ok := errors.AsType[*facebook.Error](err); tt.code != 0 && (!ok || e.Code != tt.code) {
				t.Errorf("got %v, want code %d", err, tt.code)
			}
			noSecret(t, err)
		})
	}
}

func noSecret(t *testing.T, err error) {
	t.Helper()
	canaries.NotIn(t, err.Error())
	for _, words := range []string{"EAASYNTHETIC", "://", "unicorn", "Viewing", "?"} {
		if strings.Contains(err.Error(), words) {
			t.Errorf("got %q, want it without %q", err, words)
		}
	}
}

// Nothing can be asked without a token, a client or a connection.
func TestWithoutMeans(t *testing.T) {
	fb := start(t, nil)
	whole := grant(t, fb)
	fb.Close()
	withoutToken, withoutClient := *whole, *whole
	withoutToken.Token, withoutClient.Client = nil, nil
	tests := []struct {
		name string
		g    *login.Grant
		want error
	}{
		{"no token", &withoutToken, login.ErrNoToken},
		{"an empty token", with(whole, ""), login.ErrNoToken},
		{"a page without a token", facebook.Page{ID: "1"}.Grant(whole), login.ErrNoToken},
		{"no client", &withoutClient, login.ErrProvider},
		{"a page's, and no client", facebook.Page{ID: "1", Token: whole.Token}.Grant(&withoutClient), login.ErrProvider},
		{"no connection", whole, login.ErrProvider},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i, err := facebook.Inspect(t.Context(), tt.g)
			if i != nil || !errors.Is(err, tt.want) {
				t.Fatalf("Inspect: got %v, error %v, want %v", i, err, tt.want)
			}
			noSecret(t, err)
			pages, err := facebook.Pages(t.Context(), tt.g)
			if pages != nil || !errors.Is(err, tt.want) {
				t.Fatalf("Pages: got %v, error %v, want %v", pages, err, tt.want)
			}
			noSecret(t, err)
		})
	}
}

// The days until the person has to log in again (R54).
func TestDaysLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		in := func(d time.Duration) time.Time { return time.Now().Add(d) }
		tests := []struct {
			name string
			i    facebook.Inspection
			want int
			ok   bool
		}{
			{"token first", facebook.Inspection{Valid: true, Expires: in(60*day - 1), DataExpires: in(90 * day)}, 59, true},
			{"data first", facebook.Inspection{Valid: true, Expires: in(60 * day), DataExpires: in(30 * day)}, 30, true},
			{"token never", facebook.Inspection{Valid: true, DataExpires: in(90 * day)}, 90, true},
			{"data unknown", facebook.Inspection{Valid: true, Expires: in(day)}, 1, true},
			{"in an hour", facebook.Inspection{Valid: true, Expires: in(time.Hour)}, 0, true},
			{"over", facebook.Inspection{Valid: true, Expires: in(-5 * day)}, 0, true},
			{"no end", facebook.Inspection{Valid: true}, 0, false},
			{"invalid", facebook.Inspection{Expires: in(60 * day)}, 0, true},
		}
		for _, tt := range tests {
			if got, ok := tt.i.DaysLeft(); got != tt.want || ok != tt.ok {
				t.Errorf("%s: got %d, %v, want %d, %v", tt.name, got, ok, tt.want, tt.ok)
			}
		}
	})
}
