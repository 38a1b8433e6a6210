package logintest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

func newFacebook(t *testing.T, users ...login.User) *logintest.Facebook {
	s := logintest.NewFacebook(users...)
	t.Cleanup(s.Close)
	return s
}

func dialog(t *testing.T, s *logintest.Facebook, scope string, changes ...string) answer {
	t.Helper()
	return get(t, s.URL+"/v25.0/dialog/oauth?"+with(askFor(s.ClientID, scope), changes...).Encode())
}

func facebookToken(t *testing.T, s *logintest.Facebook, form url.Values) answer {
	t.Helper()
	return post(t, s.URL+"/v25.0/oauth/access_token", form)
}

// facebookLogin runs a whole code flow and returns a token.
func facebookLogin(t *testing.T, s *logintest.Facebook, scope string, changes ...string) string {
	t.Helper()
	code := dialog(t, s, scope, changes...).params(t).Get("code")
	token, _ := facebookToken(t, s, exchangeOf(s.ClientID, s.ClientSecret, code)).json(t)["access_token"].(string)
	return token
}

func graph(t *testing.T, s *logintest.Facebook, token, path string) answer {
	t.Helper()
	return get(t, s.URL+"/v25.0"+path, "Authorization", "Bearer "+token)
}

const meFields = "/me?fields=id,name,email,picture.type(large){url,width}"

// R60, R63.
func TestFacebookCallback(t *testing.T) {
	s := newFacebook(t)
	a := dialog(t, s, "public_profile,email")
	wantCallback(t, a.params(t), "facebook/callback_ok")
	if to := a.header.Get("Location"); !strings.HasSuffix(to, "#_=_") {
		t.Errorf("got %q, want the fragment that Facebook appends", to)
	}
	s.Set(func(s *logintest.Facebook) { s.Users = []login.User{{Extra: map[string]string{"declined": "email"}}} })
	q := dialog(t, s, "public_profile email", "return_scopes", "true").params(t)
	wantCallback(t, q, "facebook/callback_ok_with_scopes")
	if q.Get("granted_scopes") != "public_profile" || q.Get("denied_scopes") != "email" {
		t.Errorf("got %v, want email denied", q)
	}
	s.Set(func(s *logintest.Facebook) { s.Deny = true })
	wantCallback(t, dialog(t, s, "email").params(t), "facebook/callback_user_denied")
	wantStatus(t, dialog(t, s, "email", "client_id", "1"), http.StatusBadRequest)
}

// R53 and the errors, which are objects.
func TestFacebookToken(t *testing.T) {
	s, c := newFacebook(t), &clock{now: time.Now()}
	s.Now = c.Now
	form := func(changes ...string) url.Values {
		return with(exchangeOf(s.ClientID, s.ClientSecret, dialog(t, s, "email").params(t).Get("code")), changes...)
	}
	good := form()
	a := facebookToken(t, s, good)
	wantShape(t, a, "facebook/token_ok")
	short := a.json(t)["access_token"].(string)
	a = facebookToken(t, s, with(good, "grant_type", "fb_exchange_token", "fb_exchange_token", short))
	wantShape(t, a, "facebook/exchange_long_lived_ok")
	long := a.json(t)["access_token"].(string)
	wantShape(t, facebookToken(t, s, with(good, "grant_type", "client_credentials")), "facebook/app_token_ok")
	wantProblems(t, s, 0)

	wantShape(t, facebookToken(t, s, good), "facebook/token_error_code_used")
	old := form()
	c.advance(time.Minute)
	wantShape(t, facebookToken(t, s, old), "facebook/token_error_code_expired")
	wantShape(t, facebookToken(t, s, form("redirect_uri", "https://app.example.test/")), "facebook/token_error_redirect_mismatch")
	wantShape(t, facebookToken(t, s, form("redirect_uri", "/callback")), "facebook/token_error_relative_redirect")
	wantShape(t, facebookToken(t, s, form("client_secret", "wrong")), "facebook/token_error_bad_secret")
	wantShape(t, facebookToken(t, s, form("client_id", "1")), "facebook/token_error_bad_app_id")
	wantStatus(t, facebookToken(t, s, form("code_verifier", "wrong")), http.StatusBadRequest)
	wantStatus(t, facebookToken(t, s, form("grant_type", "password")), http.StatusBadRequest)
	wantStatus(t, post(t, s.URL+"/v25.0/oauth/access_token?client_secret=x", form()), http.StatusBadRequest)
	wantProblems(t, s, 9)

	// The code was used twice, so its tokens are gone.
	wantShape(t, graph(t, s, long, "/me"), "facebook/me_error_190_app_not_installed")
	short = facebookLogin(t, s, "email")
	c.advance(2 * time.Hour)
	wantShape(t, graph(t, s, short, "/me"), "facebook/me_error_190_expired")
	wantShape(t, facebookToken(t, s, with(good, "grant_type", "fb_exchange_token", "fb_exchange_token", short)), "facebook/exchange_error_expired_token")
	wantStatus(t, graph(t, s, "unknown", "/me"), http.StatusBadRequest)
	wantStatus(t, get(t, s.URL+"/me"), http.StatusBadRequest)
	wantStatus(t, get(t, s.URL+"/me?access_token=x"), http.StatusBadRequest)
}

func TestFacebookMe(t *testing.T) {
	s := newFacebook(t)
	a := graph(t, s, facebookLogin(t, s, "email"), meFields)
	wantShape(t, a, "facebook/me_ok")
	if me := a.json(t); me["email"] != "ada@example.test" || !strings.Contains(a.body, `ada\u0040example.test`) {
		t.Errorf("got %s, want the address, with the at sign escaped", a.body)
	}
	wantShape(t, graph(t, s, facebookLogin(t, s, ""), meFields), "facebook/me_ok") // granted before
	wantStatus(t, graph(t, s, facebookLogin(t, s, "email"), "/me?fields=shoe_size"), http.StatusBadRequest)
	wantStatus(t, graph(t, s, facebookLogin(t, s, "email"), "/90000002"), http.StatusBadRequest)
	wantStatus(t, graph(t, s, facebookLogin(t, s, "email"), "/90000001"), http.StatusOK)
	wantStatus(t, graph(t, s, facebookLogin(t, s, "email"), "/a/b/c"), http.StatusBadRequest)

	s.Set(func(s *logintest.Facebook) {
		s.Users = []login.User{{ID: "17", Name: "Gräce 𝒢", UnverifiedEmail: "g@example.test", Extra: map[string]string{"declined": "email"}}}
	})
	token := facebookLogin(t, s, "email")
	wantShape(t, graph(t, s, token, meFields), "facebook/me_no_email")
	token = facebookLogin(t, s, "email", "auth_type", "rerequest")
	a = graph(t, s, token, meFields)
	wantShape(t, a, "facebook/me_silhouette")
	if me := a.json(t); me["name"] != "Gräce 𝒢" || me["email"] != "g@example.test" || strings.ContainsFunc(a.body, func(r rune) bool { return r > '~' }) {
		t.Errorf("got %s, want the name in ASCII", a.body)
	}
}

// R56: single permissions.
func TestFacebookPermissions(t *testing.T) {
	s := newFacebook(t)
	s.Interactive = true
	ask := s.URL + "/v25.0/dialog/oauth?" + askFor(s.ClientID, "email").Encode()
	f := readForm(t, get(t, ask).body)
	if !f.values.Has("allow:email") || f.values.Has("allow:public_profile") {
		t.Errorf("form: got %v, want email to be a choice and the profile not", f.values)
	}
	q := post(t, s.URL+f.action, with(f.values, "allow:email", "", "decision", "allow")).params(t)
	token := facebookToken(t, s, exchangeOf(s.ClientID, s.ClientSecret, q.Get("code"))).json(t)["access_token"].(string)
	a := graph(t, s, token, "/me/permissions")
	wantShape(t, a, "facebook/permissions_mixed")
	if !strings.Contains(a.body, `{"permission":"email","status":"declined"}`) {
		t.Errorf("got %s, want email declined", a.body)
	}
	s.Set(func(s *logintest.Facebook) { s.Interactive = false })
	token = facebookLogin(t, s, "email")
	if me := graph(t, s, token, meFields).json(t); me["email"] != nil {
		t.Errorf("got %v, want what was declined to stay declined", me)
	}
	token = facebookLogin(t, s, "email", "auth_type", "rerequest")
	if me := graph(t, s, token, meFields).json(t); me["email"] == nil {
		t.Errorf("got %v, want email after it was asked for again", me)
	}
	remove := func(path string) answer {
		return send(t, http.MethodDelete, s.URL+"/v25.0"+path, "", "Authorization", "Bearer "+token)
	}
	wantShape(t, remove("/me/permissions/email"), "facebook/permissions_delete_ok")
	if me := graph(t, s, token, meFields).json(t); me["email"] != nil {
		t.Errorf("got %v, want no email", me)
	}
	wantShape(t, remove("/90000001/permissions"), "facebook/permissions_delete_ok")
	wantShape(t, graph(t, s, token, "/me"), "facebook/me_error_190_app_not_installed")
}

// R61. The vectors were computed by somebody else.
func TestFacebookProof(t *testing.T) {
	s := newFacebook(t)
	s.RequireProof = true
	token := facebookLogin(t, s, "email")
	proof := func(secret string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(token))
		return "&appsecret_proof=" + hex.EncodeToString(mac.Sum(nil))
	}
	wantShape(t, graph(t, s, token, meFields), "facebook/me_error_appsecret_proof_required")
	wantShape(t, graph(t, s, token, meFields+proof("wrong")), "facebook/me_error_bad_appsecret_proof")
	wantShape(t, graph(t, s, token, meFields+proof(s.ClientSecret)), "facebook/me_ok")
	s.Set(func(s *logintest.Facebook) { s.RequireProof = false })
	wantShape(t, graph(t, s, token, meFields+proof("wrong")), "facebook/me_error_bad_appsecret_proof")

	b, err := os.ReadFile("testdata/facebook/appsecret_proof_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Secret  string `json:"app_secret"`
		Vectors []struct {
			Token string `json:"access_token"`
			Proof string `json:"appsecret_proof"`
		}
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors.Vectors {
		token = v.Token
		if got := proof(vectors.Secret); got != "&appsecret_proof="+v.Proof {
			t.Errorf("proof of %s: got %s, want %s", v.Token, got, v.Proof)
		}
	}
}

// R57: the page bot.
func TestFacebookPages(t *testing.T) {
	s, c := newFacebook(t, login.User{Name: "Grace", Extra: map[string]string{"pages": "200000000000002"}}), &clock{now: time.Now()}
	s.Now = c.Now
	if a := graph(t, s, facebookLogin(t, s, "email"), "/me/accounts"); a.body != `{"data":[]}` {
		t.Errorf("without pages_show_list: got %s, want no pages", a.body)
	}
	short := facebookLogin(t, s, "pages_show_list,pages_manage_posts")
	long := facebookToken(t, s, url.Values{
		"grant_type": {"fb_exchange_token"}, "fb_exchange_token": {short}, "client_id": {s.ClientID}, "client_secret": {s.ClientSecret},
	}).json(t)["access_token"].(string)
	page := func(token string) string {
		a := graph(t, s, token, "/me/accounts")
		wantShape(t, a, "facebook/accounts")
		return a.json(t)["data"].([]any)[0].(map[string]any)["access_token"].(string)
	}
	feed := func(token, body string) answer {
		return send(t, http.MethodPost, s.URL+"/v25.0/200000000000002/feed", body,
			"Authorization", "Bearer "+token, "Content-Type", "application/json")
	}
	shortPage, longPage := page(short), page(long)
	wantShape(t, feed(longPage, `{"message":"Hello"}`), "facebook/page_feed_post_ok")
	wantShape(t, feed(longPage, `{"message":"Hello"}`), "facebook/page_feed_post_error_duplicate")
	wantShape(t, feed(long, `{"message":"Hello"}`), "facebook/page_feed_post_error_permission")
	wantStatus(t, feed(longPage, `{}`), http.StatusBadRequest)
	other := post(t, s.URL+"/200000000000003/feed", url.Values{"message": {"Hi"}}, "Authorization", "Bearer "+longPage)
	wantShape(t, other, "facebook/page_feed_post_error_permission")
	a := post(t, s.URL+"/v25.0/me/feed", url.Values{"message": {"Again"}, "access_token": {longPage}})
	wantShape(t, a, "facebook/page_feed_post_ok")
	wantStatus(t, send(t, http.MethodDelete, s.URL+"/me/permissions/pages_manage_posts", "", "Authorization", "Bearer "+long), http.StatusOK)
	wantStatus(t, feed(longPage, `{"message":"Third"}`), http.StatusForbidden)
	if me := graph(t, s, longPage, "/me").json(t); me["id"] != "200000000000002" {
		t.Errorf("me of a page token: got %v, want the page", me)
	}
	c.advance(100 * 24 * time.Hour)
	wantStatus(t, graph(t, s, longPage, "/me"), http.StatusOK)
	wantShape(t, graph(t, s, shortPage, "/me"), "facebook/me_error_190_expired")
}

// R55.
func TestFacebookDebugToken(t *testing.T) {
	s := newFacebook(t, login.User{Name: "Grace", Extra: map[string]string{"pages": "200000000000002"}})
	app := s.ClientID + "|" + s.ClientSecret
	debug := func(token string) answer { return graph(t, s, app, "/debug_token?input_token="+token) }
	token := facebookLogin(t, s, "email")
	wantShape(t, debug(token), "facebook/debug_token_user")
	token = facebookLogin(t, s, "email,pages_show_list")
	long := facebookToken(t, s, url.Values{
		"grant_type": {"fb_exchange_token"}, "fb_exchange_token": {token}, "client_id": {s.ClientID}, "client_secret": {s.ClientSecret},
	}).json(t)["access_token"].(string)
	a := debug(long)
	wantShape(t, a, "facebook/debug_token_long_lived")
	data := a.json(t)["data"].(map[string]any)
	if data["app_id"] != s.ClientID || data["user_id"] != "1" || data["is_valid"] != true {
		t.Errorf("got %v", data)
	}
	page := graph(t, s, long, "/me/accounts").json(t)["data"].([]any)[0].(map[string]any)["access_token"].(string)
	wantShape(t, debug(page), "facebook/debug_token_page_never_expires")
	wantStatus(t, graph(t, s, token, "/debug_token?input_token="+token), http.StatusBadRequest)
	wantStatus(t, graph(t, s, s.ClientID+"|wrong", "/debug_token?input_token="+token), http.StatusBadRequest)
	issued := facebookToken(t, s, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {s.ClientID}, "client_secret": {s.ClientSecret},
	}).json(t)["access_token"].(string)
	wantStatus(t, graph(t, s, issued, "/debug_token?input_token="+token), http.StatusOK)
	wantStatus(t, graph(t, s, issued, "/me"), http.StatusBadRequest) // it acts for nobody

	s.Set(func(s *logintest.Facebook) { s.Users = []login.User{{ID: "1", Name: "Grace"}} })
	send(t, http.MethodDelete, s.URL+"/me/permissions", "", "Authorization", "Bearer "+token)
	wantShape(t, debug(token), "facebook/debug_token_invalid")
	if a := debug("unknown"); a.status != http.StatusOK || !strings.Contains(a.body, `"is_valid":false`) {
		t.Errorf("unknown token: got %v, want that it is not valid", a)
	}
}
