package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// stage is a site beside an issuer, with somebody logged in.
type stage struct {
	*httptest.Server
	t      *testing.T
	issuer *logintest.Server
	jar    http.CookieJar
	token  string // what the issuer gave for Ada
}

func newStage(t *testing.T, verifier func(*logintest.Server) Verifier) *stage {
	s := &stage{Server: httptest.NewUnstartedServer(nil), t: t, issuer: logintest.NewServer()}
	t.Cleanup(s.issuer.Close)
	s.issuer.Audience = audience
	h, err := newSite(login.Config{
		URL: "http://" + s.Listener.Addr().String(), Key: []byte("0123456789abcdefghijklmnopqrstuv"),
		Providers: []login.Provider{s.issuer.Provider()},
		OnLogin: func(_ *http.Request, _ *login.User, g *login.Grant) error {
			s.token = g.Token.AccessToken
			return nil
		},
	}, verifier(s.issuer))
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = h
	s.Start()
	t.Cleanup(s.Close)
	if s.jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Jar: s.jar}).Get(s.URL + "/login?next=/me")
	if err != nil || resp.Request.URL.Path != "/me" || s.token == "" {
		t.Fatalf("the login ended at %v with %v", resp, err)
	}
	resp.Body.Close()
	return s
}

func byJWT(s *logintest.Server) Verifier {
	return &JWT{Issuer: s.URL, KeysURL: s.URL + "/jwks", Audience: audience, Provider: "oidc"}
}

func byUserInfo(s *logintest.Server) Verifier {
	return &UserInfo{URL: s.URL + "/userinfo", Provider: "oidc"}
}

// A reply was read to its end.
type reply struct {
	*http.Response
	body string
}

// send sends Ada's cookies if jar is not nil. header holds keys and values by turns.
func (s *stage) send(jar http.CookieJar, method, path, body string, header ...string) reply {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if strings.HasPrefix(path, "/api/") && resp.Header.Get("Cache-Control") != "no-store" {
		s.t.Errorf("%s: got Cache-Control %q, want no-store", path, resp.Header.Get("Cache-Control"))
	}
	return reply{resp, string(b)}
}

// machineToken is one of an application, got without the library that is shown.
func (s *stage) machineToken(scope string) string {
	s.t.Helper()
	resp, err := http.PostForm(s.issuer.URL+"/token", url.Values{
		"grant_type": {"client_credentials"}, "scope": {scope},
		"client_id": {s.issuer.ClientID}, "client_secret": {s.issuer.ClientSecret},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		s.t.Fatalf("got %v and %v, want a token", answer, err)
	}
	return answer.AccessToken
}

const isAda = `{"id":"90000001","provider":"oidc"}`

// R92: a token and a session make the same user, with both verifiers.
func TestSameUser(t *testing.T) {
	for name, verifier := range map[string]func(*logintest.Server) Verifier{"JWT": byJWT, "userinfo": byUserInfo} {
		s := newStage(t, verifier)
		bySession := s.send(s.jar, "GET", "/api/me", "")
		byToken := s.send(nil, "GET", "/api/me", "", "Authorization", "Bearer "+s.token)
		for _, got := range []reply{bySession, byToken} {
			if got.StatusCode != 200 || strings.TrimSpace(got.body) != isAda {
				t.Errorf("%s: got %d %s, want %s", name, got.StatusCode, got.body, isAda)
			}
		}
	}
}

// RFC 6750 sections 2 and 3: where a token may be, and what is said if it is
// elsewhere. What must be refused has the cookies of Ada, too, whom no answer may
// show.
func TestPlaces(t *testing.T) {
	s := newStage(t, byJWT)
	form := []string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}
	bearer := "Bearer " + s.token
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		want                     int
		challenge                string
	}{
		{"header", "GET", "/api/me", "", []string{"Authorization", bearer}, 200, ""},
		{"lower case", "GET", "/api/me", "", []string{"Authorization", "bearer " + s.token}, 200, ""},
		{"two spaces", "GET", "/api/me", "", []string{"Authorization", "BEARER  " + s.token}, 200, ""},
		{"another scheme", "GET", "/api/me", "", []string{"Authorization", "Basic YTpi"}, 200, ""},
		{"URL", "GET", "/api/me?access_token=" + s.token, "", nil, 400, "invalid_request"},
		{"URL, empty", "GET", "/api/me?access_token", "", nil, 400, "invalid_request"},
		{"URL and header", "GET", "/api/me?access_token=" + s.token, "", []string{"Authorization", bearer}, 400, "invalid_request"},
		{"URL, beside what cannot be read", "GET", "/api/me?a;access_token=" + s.token, "", nil, 400, "invalid_request"},
		{"form", "POST", "/api/notes", "access_token=" + s.token, form, 400, "invalid_request"},
		{"form, odd type", "POST", "/api/notes", "access_token=" + s.token,
			[]string{"Content-Type", "Application/X-WWW-Form-URLencoded; charset=utf-8", "Sec-Fetch-Site", "same-origin"}, 400, "invalid_request"},
		{"form and header", "POST", "/api/notes", "access_token=" + s.token, append(form, "Authorization", bearer), 400, "invalid_request"},
		{"two headers", "GET", "/api/me", "", []string{"Authorization", bearer, "Authorization", bearer}, 400, "invalid_request"},
		{"two schemes", "GET", "/api/me", "", []string{"Authorization", "Basic YTpi", "Authorization", bearer}, 400, "invalid_request"},
		{"a list", "GET", "/api/me", "", []string{"Authorization", bearer + ", " + bearer}, 400, "invalid_request"},
		{"no token", "GET", "/api/me", "", []string{"Authorization", "Bearer"}, 400, "invalid_request"},
		{"blank token", "GET", "/api/me", "", []string{"Authorization", "Bearer  "}, 400, "invalid_request"},
		{"no text of a token", "GET", "/api/me", "", []string{"Authorization", `Bearer "x"`}, 400, "invalid_request"},
		{"garbage", "GET", "/api/me", "", []string{"Authorization", "Bearer garbage"}, 401, "invalid_token"},
		{"10 kB", "GET", "/api/me", "", []string{"Authorization", "Bearer " + strings.Repeat("x", 10<<10)}, 401, "invalid_token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			jar := s.jar
			if test.want == 200 && test.name != "another scheme" {
				jar = nil
			}
			got := s.send(jar, test.method, test.path, test.body, test.header...)
			if got.StatusCode != test.want || len(got.Cookies()) > 0 {
				t.Errorf("got %d %s with %v, want %d and no cookie", got.StatusCode, got.body, got.Cookies(), test.want)
			}
			challenge := got.Header.Get("WWW-Authenticate")
			if test.challenge == "" {
				if challenge != "" || strings.TrimSpace(got.body) != isAda {
					t.Errorf("got %s and %q, want %s", got.body, challenge, isAda)
				}
				return
			}
			if !strings.HasPrefix(challenge, `Bearer realm="notes", error="`+test.challenge+`", error_description="`) ||
				got.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(got.body, `"error":"`+test.challenge+`"`) {
				t.Errorf("got %q and %s, want the error %s", challenge, got.body, test.challenge)
			}
			if strings.Contains(challenge+got.body, s.token) || strings.Contains(got.body, "90000001") {
				t.Errorf("got %s, which says too much", got.body)
			}
		})
	}
}

// The token decides, and the cookies are not even looked at.
func TestTokenBeforeSession(t *testing.T) {
	s := newStage(t, byJWT)
	machine := s.machineToken("notes:write")
	got := s.send(s.jar, "GET", "/api/me", "", "Authorization", "Bearer "+machine)
	if got.StatusCode != 200 || !strings.Contains(got.body, `"provider":"client"`) || len(got.Cookies()) > 0 {
		t.Errorf("got %d %s with %v, want the machine and no cookie", got.StatusCode, got.body, got.Cookies())
	}
	b := &Bearer{Verifier: byJWT(s.issuer), Realm: "notes", CrossSite: http.NewCrossOriginProtection()}
	r := httptest.NewRequest("GET", "/api/me", nil)
	r.Header.Set("Authorization", "Bearer "+machine)
	r.Header.Set("Cookie", "a=b")
	seen := false
	b.Accept(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = true
		if r.Header.Get("Cookie") != "" {
			t.Error("the handler sees cookies")
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	if !seen || r.Header.Get("Cookie") == "" {
		t.Error("want the handler called, and the request of the caller as it was")
	}
}

// RFC 6750 section 3.1: no code where there was no token, 403 for a scope.
func TestChallenges(t *testing.T) {
	s := newStage(t, byJWT)
	got := s.send(nil, "GET", "/api/me", "")
	if challenges := got.Header.Values("WWW-Authenticate"); got.StatusCode != 401 || challenges[len(challenges)-1] != `Bearer realm="notes"` {
		t.Errorf("got %d with %q, want 401 and a challenge without an error", got.StatusCode, challenges)
	}
	got = s.send(nil, "GET", "/api/me", "", "Sec-Fetch-Mode", "navigate", "Accept", "text/html")
	if got.StatusCode != 303 || got.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("a person: got %d with %v, want the login", got.StatusCode, got.Header)
	}
	const note = `{"text":"hello"}`
	for _, token := range []string{s.token, s.machineToken("notes:read"), s.machineToken("")} {
		got = s.send(s.jar, "POST", "/api/notes", note, "Authorization", "Bearer "+token)
		challenge := got.Header.Get("WWW-Authenticate")
		if got.StatusCode != 403 || !strings.Contains(challenge, `error="insufficient_scope"`) || !strings.Contains(challenge, `scope="notes:write"`) {
			t.Errorf("got %d with %q, want 403 and insufficient_scope", got.StatusCode, challenge)
		}
	}
	got = s.send(nil, "POST", "/api/notes", note, "Authorization", "Bearer "+s.machineToken("x notes:write"))
	if got.StatusCode != 201 {
		t.Errorf("with the scope: got %d %s", got.StatusCode, got.body)
	}
}

// Cookies come with what other sites send; tokens do not.
func TestCrossSite(t *testing.T) {
	s := newStage(t, byJWT)
	const note = `{"text":"hello"}`
	token := "Bearer " + s.machineToken("notes:write")
	for _, test := range []struct {
		name   string
		header []string
		want   int
	}{
		{"own page", []string{"Sec-Fetch-Site", "same-origin"}, 201},
		{"own page, old browser", []string{"Origin", s.URL}, 201},
		{"other site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://other.example.test"}, 403},
		{"other subdomain", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"other site, old browser", []string{"Origin", "https://other.example.test"}, 403},
		{"other site with a token", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://other.example.test", "Authorization", token}, 201},
		{"other site with Basic", []string{"Sec-Fetch-Site", "cross-site", "Authorization", "Basic YTpi"}, 403},
	} {
		if got := s.send(s.jar, "POST", "/api/notes", note, test.header...); got.StatusCode != test.want {
			t.Errorf("%s: got %d %s, want %d", test.name, got.StatusCode, got.body, test.want)
		}
	}
}

// An outage is 503: the client keeps its token.
func TestOutage(t *testing.T) {
	for name, verifier := range map[string]func(*logintest.Server) Verifier{"JWT": byJWT, "userinfo": byUserInfo} {
		s := newStage(t, verifier)
		s.issuer.Set(func(s *logintest.Server) {
			s.Intercept = func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
		})
		got := s.send(s.jar, "GET", "/api/me", "", "Authorization", "Bearer "+s.token)
		if got.StatusCode != 503 || got.Header.Get("WWW-Authenticate") != "" || strings.Contains(got.body, "90000001") {
			t.Errorf("%s: got %d %s with %v, want 503", name, got.StatusCode, got.body, got.Header)
		}
		if got := s.send(s.jar, "GET", "/api/me", ""); got.StatusCode != 200 {
			t.Errorf("%s: a session: got %d, want 200", name, got.StatusCode)
		}
	}
}

// R85: a machine's token opens the API, begins no session and is no login.
func TestMachine(t *testing.T) {
	s := newStage(t, byJWT)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	job := newMachine(t.Context(), clientcredentials.Config{
		ClientID: s.issuer.ClientID, ClientSecret: s.issuer.ClientSecret,
		TokenURL: s.issuer.URL + "/token", Scopes: []string{"notes:write"},
	})
	job.Jar = jar // to see whether anybody gives it a cookie
	for range 2 {
		note, failed := postNote(job, s.URL, `a "note"`)
		if want := `{"by":"client ` + s.issuer.ClientID + `","text":"a \"note\""}`; failed != nil || strings.TrimSpace(note) != want {
			t.Errorf("got %s and %v, want %s", note, failed, want)
		}
	}
	asked := 0
	for _, r := range s.issuer.Requests() {
		if r.Form.Get("grant_type") == "client_credentials" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("got %d token requests, want 1", asked)
	}
	for _, path := range []string{"/me", "/"} {
		resp, failed := job.Get(s.URL + path)
		if failed != nil {
			t.Fatal(failed)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := map[string]int{"/me": 401, "/": 200}[path]; resp.StatusCode != want || strings.Contains(string(body), "Hello") {
			t.Errorf("%s: got %d %s, want %d for nobody", path, resp.StatusCode, body, want)
		}
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if cookies := jar.Cookies(u); len(cookies) > 0 {
		t.Errorf("got the cookies %v, want none", cookies)
	}
}

// A redirect does not take the machine's token to another server.
func TestMachineRedirect(t *testing.T) {
	s, thief := newStage(t, byJWT), newIssuer(t)
	from := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer from.Close()
	job := newMachine(t.Context(), clientcredentials.Config{
		ClientID: s.issuer.ClientID, ClientSecret: s.issuer.ClientSecret,
		TokenURL: s.issuer.URL + "/token", AuthStyle: oauth2.AuthStyleInHeader,
	})
	if _, err := postNote(job, from.URL, "x"); err == nil || thief.fetches.Load() != 0 {
		t.Errorf("got %v and %d requests to another server, want an error and none", err, thief.fetches.Load())
	}
}

// The program works offline, and says what to try.
func TestRun(t *testing.T) {
	for _, ask := range []bool{false, true} {
		ctx, stop := context.WithCancel(t.Context())
		in, out := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- run(ctx, "localhost:0", ask, out) }()
		said, last := bufio.NewScanner(in), ""
		for !strings.HasPrefix(last, "A job") && said.Scan() {
			last = said.Text()
		}
		if want := map[bool]string{false: `"text":"made by a job"`, true: "invalid_token"}[ask]; !strings.Contains(last, want) {
			t.Errorf("userinfo %t: got %q, want %s", ask, last, want)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("userinfo %t: got %v", ask, err)
		}
	}
	if err := run(t.Context(), "256.0.0.1:0", false, io.Discard); err == nil {
		t.Error("got no error for an impossible address")
	}
}
