package logintest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	verifier = "a-verifier-that-is-longer-than-the-least-43-characters"
	callback = "https://app.example.test/callback?tenant=1"
)

// An answer is what a server said, read to the end.
type answer struct {
	status int
	header http.Header
	body   string
}

// json reads the body into v.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("body: got %q, want a JSON object", a.body)
	}
	return v
}

// params returns the query of the redirect that a is.
func (a answer) params(t *testing.T) url.Values {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther {
		t.Fatalf("got status %d and %q, want a redirect", a.status, a.body)
	}
	return u.Query()
}

// send makes a request without following redirects. header holds keys and
// values by turns.
func send(t *testing.T, method, url, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func get(t *testing.T, url string, header ...string) answer {
	t.Helper()
	return send(t, http.MethodGet, url, "", header...)
}

func post(t *testing.T, url string, form url.Values, header ...string) answer {
	t.Helper()
	return send(t, http.MethodPost, url, form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)...)
}

// with returns v with changes: keys and values by turns, "" takes a key away.
func with(v url.Values, changes ...string) url.Values {
	v = maps.Clone(v)
	for i := 0; i < len(changes); i += 2 {
		if v.Del(changes[i]); changes[i+1] != "" {
			v.Set(changes[i], changes[i+1])
		}
	}
	return v
}

// askFor is an authorization request without fault.
func askFor(clientID, scope string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	return url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {callback}, "scope": {scope},
		"state": {"a-state"}, "nonce": {"a-nonce"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
}

// exchangeOf is a token request without fault.
func exchangeOf(clientID, secret, code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
		"client_id": {clientID}, "client_secret": {secret},
	}
}

func wantStatus(t *testing.T, a answer, status int) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status: got %d with %q, want %d", a.status, a.body, status)
	}
}

// wantProblems checks how many problems there are, and that none is a leak.
func wantProblems(t *testing.T, s interface{ Problems() []string }, n int) {
	t.Helper()
	problems := s.Problems()
	if len(problems) != n {
		t.Errorf("problems: got %d, want %d: %q", len(problems), n, problems)
	}
	for _, p := range problems {
		if strings.Contains(p, verifier) || strings.Contains(p, "secret-which") {
			t.Errorf("the problem %q holds a secret", p)
		}
	}
}

// A fixture is an answer in the shape that a provider documents.
type fixture struct {
	Response struct {
		Status  int
		Headers map[string]string
		Body    any
	}
	Callback struct{ Query map[string]string }
}

func readFixture(t *testing.T, name string) fixture {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var f fixture
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// wantShape compares a with a fixture: status, names of headers, and the names
// and types in a JSON body.
func wantShape(t *testing.T, a answer, name string) {
	t.Helper()
	f := readFixture(t, name)
	if a.status != f.Response.Status {
		t.Errorf("%s: status: got %d with %q, want %d", name, a.status, a.body, f.Response.Status)
	}
	for key, value := range f.Response.Headers {
		if a.header.Values(key) == nil {
			t.Errorf("%s: header %s: got none, want one like %q", name, key, value)
		}
	}
	if ct := f.Response.Headers["Content-Type"]; a.header.Get("Content-Type") != ct {
		t.Errorf("%s: Content-Type: got %q, want %q", name, a.header.Get("Content-Type"), ct)
	}
	if text, ok := f.Response.Body.(string); ok {
		wantQuery(t, name, a.body, text)
		return
	}
	var body any
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatalf("%s: body: got %q, want JSON", name, a.body)
	}
	got, want := shape("", body), shape("", f.Response.Body)
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("%s: body: got no %s", name, s)
		}
	}
	for _, s := range got {
		if !slices.Contains(want, s) {
			t.Errorf("%s: body: got %s, which is not in the fixture", name, s)
		}
	}
}

func wantQuery(t *testing.T, name, got, want string) {
	t.Helper()
	g, err1 := url.ParseQuery(got)
	w, err2 := url.ParseQuery(want)
	if err1 != nil || err2 != nil || !slices.Equal(slices.Sorted(maps.Keys(g)), slices.Sorted(maps.Keys(w))) {
		t.Errorf("%s: got %q, want one like %q", name, got, want)
	}
}

// shape lists the paths in v with the kinds of values there. Of an array the
// first element counts.
func shape(path string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		list := []string{path + " object"}
		for key, value := range v {
			list = append(list, shape(path+"/"+key, value)...)
		}
		return list
	case []any:
		list := []string{path + " array"}
		if len(v) > 0 {
			list = append(list, shape(path+"/0", v[0])...)
		}
		return list
	}
	return []string{fmt.Sprintf("%s %T", path, v)}
}

// wantCallback compares the parameters of a callback with a fixture.
func wantCallback(t *testing.T, got url.Values, name string) {
	t.Helper()
	f := readFixture(t, name)
	for key, want := range f.Callback.Query {
		if !got.Has(key) {
			t.Errorf("%s: got no %s, want one like %q", name, key, want)
		}
	}
	for key := range got {
		if _, ok := f.Callback.Query[key]; !ok && key != "tenant" {
			t.Errorf("%s: got %s, which is not in the fixture", name, key)
		}
	}
}
