package interop_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// A verdict is what judge.mjs is asked about a Location, and what it says.
type verdict struct {
	what     string // for people
	Base     string `json:"base"`
	Location []byte `json:"location"` // as it came
	Gate     bool   `json:"gate"`
	wrong    string
}

// judge asks a URL parser that browsers have.
func judge(t *testing.T, verdicts []verdict) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("node is missing, install it with\n\tapt-get install nodejs npm\n%v", err)
	}
	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	for _, v := range verdicts {
		if err := lines.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(bounded(t), node, "judge.mjs")
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = &in, &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
	answers := json.NewDecoder(bytes.NewReader(out))
	for i := range verdicts {
		var answer struct{ Wrong *string }
		if err := answers.Decode(&answer); err != nil || answer.Wrong == nil {
			t.Fatalf("the judge does not answer: %v", err)
		}
		verdicts[i].wrong = *answer.Wrong
	}
}

// The judge condemns what it has to, and nothing else.
func TestJudge(t *testing.T) {
	tests := []struct {
		location, want string
		gate           bool
	}{
		{location: "/"}, {location: "/a/b?c=d&e=//evil.example#f"}, {location: "/a//b"}, {location: "/loginx"}, {location: "/a/login"},
		{location: "/%EF%BC%8Fevil.example"}, {location: "/@evil.example"}, {location: "/x:alert(1)"}, {location: "/#"}, {location: "/a%25%32%66"},
		{location: "//evil.example", want: "it leads to http://evil.example"},
		{location: `/\evil.example`, want: "it leads to http://evil.example"},
		{location: `\\evil.example`, want: "it leads to http://evil.example"},
		{location: "/\t/evil.example", want: "it leads to http://evil.example"},
		{location: "\x01 //evil.example", want: "it leads to http://evil.example"},
		{location: "///evil.example", want: "it leads to http://evil.example"},
		{location: "https:evil.example", want: "it leads to https://evil.example"},
		{location: "http:evil.example", want: "it leads to /callback"},
		{location: "https:///evil.example", want: "it leads to https://evil.example"},
		{location: "//127.0.0.1@evil.example/", want: "it leads to http://evil.example"},
		{location: "//user@127.0.0.1/", want: "it names a user"},
		{location: "//127.0.0.1:81/", want: "it leads to http://127.0.0.1:81"},
		{location: "//\u24d4vil.example", want: "it leads to http://"},
		{location: "java\nscript:alert(1)", want: "it leads to javascript:"},
		{location: "data:text/html,x", want: "it leads to data:"},
		{location: "//[", want: "it is no URL"},
		{location: "evil.example", want: "it leads to /callback"},
		{location: "", want: "it leads to /callback"},
		{location: "/.//evil.example", want: "two slashes"},
		{location: "/%2fevil.example", want: "two slashes"},
		{location: "/%5Cevil.example", want: "two slashes"},
		{location: "/a/..%2f%2fevil.example", want: "two slashes"},
		{location: "/login", want: "it leads to /login"},
		{location: "/a/../login?x", want: "it leads to /login"},
		{location: "/%6cogin", want: "it leads to /login"},
		{location: "/a%2f..%2flogin", want: "it leads to /login"},
		{location: "/a/%2e%2E/logout#x", want: "it leads to /logout"},
		{location: "/./callback/oidc?code=x", want: "it leads to /callback"},
		{gate: true, location: "/login"}, {gate: true, location: "/login?next=%2Fa%3Fb"},
		{gate: true, location: "/", want: "it is not the login page"},
		{gate: true, location: "//[", want: "it is no URL"},
		{gate: true, location: "//evil.example/login", want: "it leads to http://evil.example"},
		{gate: true, location: "/login?next=%2F%2Fevil.example", want: "in next: it leads to http://evil.example"},
		{gate: true, location: "/login?next=%2F%09%2Fevil.example", want: "in next: it leads to http://evil.example"},
		{gate: true, location: "/login?next=%2Flogin", want: "in next: it leads to /login"},
		{gate: true, location: "/login?next=/a&x=y", want: "it has x"},
	}
	var verdicts []verdict
	for _, test := range tests {
		verdicts = append(verdicts, verdict{Base: "http://127.0.0.1/callback/oidc", Location: []byte(test.location), Gate: test.gate})
	}
	judge(t, verdicts)
	for i, v := range verdicts {
		if want := tests[i].want; v.wrong != want && (want == "" || !strings.Contains(v.wrong, want)) {
			t.Errorf("%q: got %q, want %q", v.Location, v.wrong, want)
		}
	}
}

// Wherever a return path stands, and whatever it is, the bytes that are sent as the
// Location lead browsers to a page of the site itself that is none of ours (T33,
// T34, T37, A11): after a login, after one at a provider that leaves fragments, after
// logging out, and at a page that needs a login, whose own address is the path.
func TestLocations(t *testing.T) {
	provider := logintest.NewServer()
	defer provider.Close()
	plain := newLocationSite(t, provider, false)
	stray := newLocationSite(t, provider, true)
	paths := hostilePaths(t)
	var raw, sent []verdict
	for _, path := range paths {
		raw = append(raw, verdict{Base: plain.url + "/callback/oauth2", Location: []byte(path)})
		query := "next=" + url.QueryEscape(path)
		sent = append(sent, plain.login(path, query), stray.login(path, query), plain.logout(path, query))
		sent = append(sent, plain.gate(path)...)
	}
	judge(t, sent)
	judge(t, raw)

	kept := make(map[string]bool)
	condemned, gates := 0, 0
	for _, v := range sent {
		if v.wrong != "" {
			t.Errorf("%s: got the Location %q: %s", v.what, v.Location, v.wrong)
		}
		if v.Gate {
			gates++
		} else {
			kept[strings.TrimSuffix(string(v.Location), "#")] = true
		}
	}
	for _, v := range raw {
		if v.wrong != "" {
			condemned++
		}
	}
	t.Logf("%d paths, of which %d would lead astray as they are; %d Locations, of which %d to the login page, with %d different paths in all",
		len(paths), condemned, len(sent), gates, len(kept))
	if condemned < 1000 || gates < 1000 || len(kept) < 300 {
		t.Error("want more of each, for this to prove something")
	}
	for _, p := range provider.Problems() {
		t.Errorf("the provider complains: %s", p)
	}
}

// A locationSite is a site at work, to which requests go byte by byte.
type locationSite struct {
	t            *testing.T
	url, gateURL string
	site, behind *wire // behind is where every page needs a login
	provider     *http.Client
	stray        bool
}

func newLocationSite(t *testing.T, provider *logintest.Server, stray bool) *locationSite {
	site, gate := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	addr, gateAddr := site.Listener.Addr().String(), gate.Listener.Addr().String()
	p := provider.OAuth2Provider()
	p.StrayFragment = stray
	key := make([]byte, 32)
	rand.Read(key)
	auth, err := login.New(login.Config{
		URL: "http://" + addr, Key: key, Providers: []login.Provider{p}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	site.Config.Handler, gate.Config.Handler = auth, auth.Require(http.NotFoundHandler())
	for _, s := range []*httptest.Server{site, gate} {
		s.Start()
		t.Cleanup(s.Close)
	}
	return &locationSite{
		t: t, url: "http://" + addr, gateURL: "http://" + gateAddr, stray: stray,
		site: newWire(t, addr), behind: newWire(t, gateAddr),
		provider: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// login logs somebody in, and returns where that ends.
func (s *locationSite) login(path, query string) verdict {
	s.t.Helper()
	begun := s.site.send("GET", "/login/oauth2?"+query)
	to, err := begun.location()
	if err != nil {
		s.t.Fatalf("%q: %v", path, err)
	}
	answer, err := s.provider.Get(string(to))
	if err != nil {
		s.t.Fatalf("%q: %v", path, err)
	}
	answer.Body.Close()
	callback, ok := strings.CutPrefix(answer.Header.Get("Location"), s.url)
	if !ok {
		s.t.Fatalf("%q: the provider answers %s", path, answer.Status)
	}
	var cookies []string
	for _, c := range begun.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	done := s.site.send("GET", callback, "Cookie: "+strings.Join(cookies, "; "))
	v := s.verdict(fmt.Sprintf("%q, login", path), s.url+"/callback/oauth2", done)
	if s.stray && !bytes.Contains(v.Location, []byte("#")) {
		s.t.Errorf("%s: got the Location %q, want one with a fragment", v.what, v.Location)
	}
	return v
}

func (s *locationSite) logout(path, query string) verdict {
	s.t.Helper()
	answer := s.site.send("POST", "/logout?"+query, "Sec-Fetch-Site: same-origin", "Content-Length: 0")
	return s.verdict(fmt.Sprintf("%q, logout", path), s.url+"/logout", answer)
}

// gate asks for a page that needs a login, and follows to the end. There is nothing
// to judge where no such request can be made.
func (s *locationSite) gate(path string) []verdict {
	s.t.Helper()
	if strings.ContainsAny(path, "\r\n") || path == "" {
		return nil
	}
	answer := s.behind.send("GET", path, "Sec-Fetch-Mode: navigate")
	if answer.StatusCode == http.StatusBadRequest { // net/http does not understand it
		return nil
	}
	v := s.verdict(fmt.Sprintf("%q, page", path), s.gateURL+"/", answer)
	v.Gate = true
	_, query, found := strings.Cut(string(v.Location), "?")
	if !found {
		return []verdict{v}
	}
	return []verdict{v, s.login(path, query)}
}

func (s *locationSite) verdict(what, base string, a wireAnswer) verdict {
	s.t.Helper()
	location, err := a.location()
	if err != nil {
		s.t.Errorf("%s: %v", what, err)
	}
	return verdict{what: what, Base: base, Location: location}
}
