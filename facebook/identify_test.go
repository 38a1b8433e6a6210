package facebook_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/internal/providertest"
)

const picture = "https://platform-lookaside.fbsbx.com/platform/profilepic/?asid=1000000000000017&height=200&width=200&ext=1790000000&hash=SYNTHETIC"

// Whole logins, for every form in which Facebook describes a person (R12, T30):
// the address is never a verified one, and the picture is not fetched (T65).
func TestIdentify(t *testing.T) {
	tests := []struct {
		me   string
		want login.User
	}{
		{"me_ok", login.User{Name: "Grace Example", UnverifiedEmail: "grace@example.test", Picture: picture}},
		{"me_no_email", login.User{Name: "Grace Example", Picture: picture}},
		{"me_silhouette", login.User{Name: "Grace Example", UnverifiedEmail: "grace@example.test"}},
		{"me_email_escaped", login.User{Name: "Gräce Exämple", UnverifiedEmail: "grace@example.test"}},
	}
	for _, tt := range tests {
		t.Run(tt.me, func(t *testing.T) {
			fb := start(t, map[string]string{"GET me": tt.me})
			got := logIn(t, config(fb).Provider())
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			if !strings.Contains(string(got.User.Raw), `"1000000000000017"`) {
				t.Errorf("got Raw %s, want Facebook's own words", got.User.Raw)
			}
			u, want := *got.User, tt.want
			if u.Provider != "facebook" || u.ID != "1000000000000017" || u.Username != "" || u.Email != "" ||
				u.Name != want.Name || u.UnverifiedEmail != want.UnverifiedEmail || u.Picture != want.Picture {
				t.Errorf("got %+v, want %+v", u, want)
			}
			if want := []string{"POST token", "GET me", "GET me/permissions"}; !slices.Equal(fb.Lines(), want) {
				t.Errorf("got requests %q, want %q", fb.Lines(), want)
			}
			if got := fb.Last("GET me").Query.Get("fields"); got != providertest.Load(t, tt.me).Request.Params["fields"] {
				t.Errorf("got fields %q, want those of the fixture", got)
			}
			if got.Landed != "/#" {
				t.Errorf("got the redirect %q after login, want a fragment instead of #_=_ (R63)", got.Landed)
			}
		})
	}
}

// What is not a user with an ID logs nobody in (G4, G7, T29).
func TestIdentifyRefuses(t *testing.T) {
	tests := []struct {
		name string
		me   providertest.Answer
	}{
		{"false", providertest.Load(t, "me_false").Response},
		{"null", providertest.JSON(200, `null`)},
		{"no id", providertest.JSON(200, `{"name":"Grace Example"}`)},
		{"null id", providertest.JSON(200, `{"id":null}`)},
		{"empty id", providertest.JSON(200, `{"id":""}`)},
		{"id as number", providertest.JSON(200, `{"id":1000000000000017}`)},
		{"id of letters", providertest.JSON(200, `{"id":"me"}`)},
		{"id with more", providertest.JSON(200, `{"id":"17\n"}`)},
		{"negative id", providertest.JSON(200, `{"id":"-17"}`)},
		{"other digits", providertest.JSON(200, `{"id":"١٧"}`)},
		{"long id", providertest.JSON(200, `{"id":"`+strings.Repeat("1", 65)+`"}`)},
		{"list", providertest.JSON(200, `[{"id":"17"}]`)},
		{"half an answer", providertest.JSON(200, `{"id":"17"`)},
		{"a page that is JSON", providertest.JSON(200, `{"id":"17"}`, "Content-Type", "text/html")},
		{"too large", providertest.JSON(200, `{"id":"17","name":"`+strings.Repeat("x", 1<<20)+`"}`)},
		{"redirect", providertest.JSON(302, `{"id":"17"}`, "Location", "https://evil.example/")},
		{"error with status 200", providertest.JSON(200, `{"id":"17","error":{"code":190}}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			fb.Set("GET me", tt.me)
			got := logIn(t, config(fb).Provider())
			if !errors.Is(got.Err, login.ErrProvider) {
				t.Errorf("got user %v, error %v, want ErrProvider", got.User, got.Err)
			}
			if want := []string{"POST token", "GET me"}; !slices.Equal(fb.Lines(), want) {
				t.Errorf("got requests %q, want %q", fb.Lines(), want)
			}
		})
	}
}

// Graph says text/javascript at times.
func TestIdentifyJavaScript(t *testing.T) {
	fb := start(t, nil)
	fb.Set("GET me", providertest.JSON(200, `{"id":"17"}`, "Content-Type", "text/javascript; charset=UTF-8"))
	if got := logIn(t, config(fb).Provider()); got.Err != nil || got.User.ID != "17" {
		t.Errorf("got user %v, error %v, want 17", got.User, got.Err)
	}
}

// What the person ticked and unticked (R56, C13).
func TestPermissions(t *testing.T) {
	mixed := providertest.Load(t, "permissions_mixed").Response
	tests := []struct {
		name              string
		answer            providertest.Answer
		granted, declined []string
		want              error
	}{
		{"mixed", mixed, []string{"public_profile"}, []string{"email"}, nil},
		{"expired is neither", providertest.JSON(200, `{"data":[{"permission":"email","status":"expired"},{"permission":"public_profile","status":"granted"}]}`),
			[]string{"public_profile"}, nil, nil},
		{"none", providertest.JSON(200, `{"data":[]}`), nil, nil, nil},
		{"no data", providertest.JSON(200, `{}`), nil, nil, login.ErrProvider},
		{"of another form", providertest.JSON(200, `{"data":{"email":"granted"}}`), nil, nil, login.ErrProvider},
		{"trouble", providertest.JSON(500, `{"error":{"message":"unicorn","code":2}}`), nil, nil, login.ErrProvider},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			fb.Set("GET me/permissions", tt.answer)
			got := logIn(t, config(fb).Provider())
			if !errors.Is(got.Err, tt.want) {
				t.Fatalf("got user %v, error %v, want %v", got.User, got.Err, tt.want)
			}
			if got.Err == nil && (!slices.Equal(got.Grant.Scopes, tt.granted) || !slices.Equal(got.Grant.Declined, tt.declined)) {
				t.Errorf("got granted %q, declined %q, want %q, %q", got.Grant.Scopes, got.Grant.Declined, tt.granted, tt.declined)
			}
		})
	}
}

// The client of the grant proves itself to the Graph API, and gives neither token
// nor proof to anybody else (R61, R73).
func TestGrantClient(t *testing.T) {
	fb := start(t, nil)
	got := logIn(t, config(fb).Provider())
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	fb.Set("GET me/accounts", providertest.JSON(200, `{"data":[]}`))
	var accounts any
	if err := got.Grant.Get(t.Context(), "me/accounts?limit=5", &accounts); err != nil {
		t.Fatal(err)
	}
	if got := fb.Last("GET me/accounts").Query.Get("limit"); got != "5" {
		t.Errorf("got limit %q, want the query kept", got)
	}

	var seen *http.Request
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r }))
	defer other.Close()
	resp, err := got.Grant.Client.Get(other.URL + "/elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if seen.Header.Get("Authorization") != "" || seen.URL.RawQuery != "" {
		t.Errorf("got Authorization or %s at another origin, want neither token nor proof", seen.URL)
	}
}

// A Facebook that does not answer in time refuses the login (T51).
func TestIdentifyTimeout(t *testing.T) {
	fb := start(t, nil)
	got := logIn(t, config(fb).Provider())
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u, err := got.Grant.Provider.Identify(ctx, got.Grant)
	if u != nil || !errors.Is(err, login.ErrProvider) || !errors.Is(err, context.Canceled) {
		t.Errorf("got user %v, error %v, want ErrProvider and why", u, err)
	}
	if strings.Contains(err.Error(), "fields") || strings.Contains(err.Error(), "Get ") {
		t.Errorf("got %q, want it without the URL", err)
	}
}

// Facebook's own account of a failure, without its words (T43, T44).
func TestErrors(t *testing.T) {
	tests := []struct {
		me      string
		want    facebook.Error
		expired bool
	}{
		{"me_error_190_app_not_installed", facebook.Error{Status: 400, Type: "OAuthException", Code: 190, Subcode: 458}, true},
		{"me_error_190_checkpointed", facebook.Error{Status: 400, Type: "OAuthException", Code: 190, Subcode: 459}, false},
		{"me_error_190_password_changed", facebook.Error{Status: 400, Type: "OAuthException", Code: 190, Subcode: 460}, true},
		{"me_error_190_expired", facebook.Error{Status: 400, Type: "OAuthException", Code: 190, Subcode: 463}, true},
		{"me_error_190_invalid", facebook.Error{Status: 400, Type: "OAuthException", Code: 190, Subcode: 467}, true},
		{"me_error_user_facing", facebook.Error{Status: 400, Type: "OAuthException", Code: 190, Subcode: 460}, true},
		{"me_error_appsecret_proof_required", facebook.Error{Status: 400, Type: "GraphMethodException", Code: 100}, false},
		{"me_error_bad_appsecret_proof", facebook.Error{Status: 400, Type: "GraphMethodException", Code: 100}, false},
		{"me_error_rate_limit", facebook.Error{Status: 403, Type: "OAuthException", Code: 4}, false},
		{"me_error_temporary", facebook.Error{Status: 500, Type: "OAuthException", Code: 2, Transient: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.me, func(t *testing.T) {
			fb := start(t, map[string]string{"GET me": tt.me})
			got := logIn(t, config(fb).Provider())
			e, ok := errors.AsType[*facebook.Error](got.Err)
			if !ok || !errors.Is(got.Err, login.ErrProvider) {
				t.Fatalf("got user %v, error %v, want an *Error", got.User, got.Err)
			}
			tt.want.TraceID = "ASYNTHETICTRACE"
			if *e != tt.want || e.Expired() != tt.expired {
				t.Errorf("got %+v, expired %v, want %+v, %v", *e, e.Expired(), tt.want, tt.expired)
			}
			noWords(t, got.Err.Error(), providertest.Load(t, tt.me).Response)
		})
	}
}

// noWords wants nothing in text that a may have said in words.
func noWords(t *testing.T, text string, a providertest.Answer) {
	t.Helper()
	for _, words := range []string{"message", "validat", "session", "Message", "A title", "limit", "proof ", "redirect_uri isn't", "authorization code", "100000000000001"} {
		if strings.Contains(string(a.Body), words) && strings.Contains(text, words) {
			t.Errorf("got %q, want it without %q", text, words)
		}
	}
	if !strings.Contains(text, "fbtrace_id ASYNTHETICTRACE") {
		t.Errorf("got %q, want the trace ID in it", text)
	}
}

// An answer that is no error object still gives its status.
func TestErrorWithout(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"error":"invalid_token"}`, `{"error":[]}`, `{"error":{"code":"190"}}`, `{}`} {
		fb := start(t, nil)
		fb.Set("GET me", providertest.JSON(http.StatusBadGateway, body))
		got := logIn(t, config(fb).Provider())
		e, ok := errors.AsType[*facebook.Error](got.Err)
		if !ok || *e != (facebook.Error{Status: 502}) {
			t.Errorf("%s: got %v, want an *Error with status 502", body, got.Err)
		}
	}
}

// Type and trace ID go into logs, so only words do (T43).
func TestErrorText(t *testing.T) {
	tests := []struct{ body, want string }{
		{`{"error":{}}`, "facebook: status 400"},
		{`{"error":{"type":"OAuthException","code":190,"error_subcode":463,"fbtrace_id":"A0v/x+1_-="}}`,
			"facebook: status 400, OAuthException, code 190, subcode 463, fbtrace_id A0v/x+1_-="},
		{`{"error":{"type":"a\nlevel=ERROR","fbtrace_id":"\u001b[31m"}}`, "facebook: status 400"},
		{`{"error":{"type":"two words","fbtrace_id":"` + strings.Repeat("A", 65) + `"}}`, "facebook: status 400"},
		{`{"error":{"type":"<script>","fbtrace_id":"%s"}}`, "facebook: status 400"},
		{`{"error":{"type":"","message":"EAASYNTHETICSHORT","code":1}}`, "facebook: status 400, code 1"},
	}
	for _, tt := range tests {
		err := facebook.New("id", "secret").TokenError(400, []byte(tt.body))
		if err == nil || err.Error() != tt.want || !errors.Is(err, login.ErrProvider) || errors.Is(err, login.ErrForbidden) {
			t.Errorf("%s: got %v, want %s", tt.body, err, tt.want)
		}
	}
	for _, body := range []string{"", "{}", "null", "error=access_denied", `{"error":"invalid_grant"}`, `{"error":null}`} {
		if err := facebook.New("id", "secret").TokenError(400, []byte(body)); err != nil {
			t.Errorf("%s: got %v, want nil", body, err)
		}
	}
}
