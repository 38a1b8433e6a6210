package login

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hostilePaths are the return paths in testdata/next_hostile.txt.
func hostilePaths(t testing.TB) []string {
	b, err := os.ReadFile("testdata/next_hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		s, err := strconv.Unquote(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, s)
	}
	if len(list) < 500 {
		t.Fatalf("got %d hostile paths, want all of them", len(list))
	}
	return list
}

// goodPaths must come through byte by byte (T37).
var goodPaths = []string{
	"/", "/a", "/a/", "/a/b/c", "/a//b", "/~ada/x-y_z.html", "/a:b", "/@ada", "/a;b=c", "/a,b!$&'()*", "/a=b",
	"/a?", "/a?b", "/a?b=c&b=d", "/?b=c", "/a+b?c+d=e+f", "/a%20b?c=%20", "/a%2Fb", "/a%2fb?c=%2F", "/a%2Bb", "/a%25b",
	"/caf%C3%A9", "/caf%c3%a9?x=%F0%9F%A6%8A", "/%E2%82%AC", "/a?b=%00", "/a?b=%0A", "/a?b=%5C%5C", "/a?b=%zz", "/a?b=c?d=e",
	"/a?next=https://evil.example/", "/a?next=//evil.example", "/a?next=/login", "/a/?//evil.example", "/a?b/../../login",
	"/https://evil.example", "/a/https:%2f%2fevil.example", "/evil.example", "/.evil.example", "/a/@evil.example", "/a#b", "/a#/login",
	"/a#//evil.example", "/a?b#c", "/a/../b", "/a/./b", "/./a", "/../a", "/a/b/..", "/a/%2e%2e/b", "/...", "/.well-known/x",
	"/loginx", "/login-help", "/login;x", "/login.html", "/logins/fake", "/callbacks", "/callback-x/fake", "/logouts", "/log/in", "/Login", "/a/login",
	"/a/callback/fake", "/login%20", "/login%3f", "/a%3Fb", "/a%23b", "/%6cog", "/[x]", "/{id}", "/a|b", "/a^b`c", `/"a"`, "/<b>", "/a?<b>",
	"/" + strings.Repeat("x", maxNext-1), "/?" + strings.Repeat("%2F", (maxNext-2)/3),
}

// destination says where a browser goes that got location in an answer to
// https://app.example/callback/fake: the URL parser of the URL Standard
// (url.spec.whatwg.org), section 4.4, as far as it matters here. It shares no
// code with what it judges.
func destination(location string) (host, pathname string) {
	s := strings.TrimFunc(location, func(c rune) bool { return c <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	host = "app.example"
	authority := false
	if scheme := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`).FindString(s); scheme != "" {
		s = s[len(scheme):]
		switch scheme = strings.ToLower(scheme); scheme {
		case "http:", "https:", "ws:", "wss:", "ftp:":
			authority = scheme != "https:" || strings.HasPrefix(strings.ReplaceAll(s, `\`, "/"), "//")
		default:
			return scheme, s
		}
	}
	s = strings.ReplaceAll(s, `\`, "/")
	if authority || strings.HasPrefix(s, "//") {
		host, s, _ = strings.Cut(strings.TrimLeft(s, "/"), "/")
		host, s = strings.ToLower(host[strings.LastIndexByte(host, '@')+1:]), "/"+s
	}
	if !strings.HasPrefix(s, "/") {
		s = "/callback/" + s
	}
	var out []string
	segments := strings.Split(s[1:], "/")
	for i, segment := range segments {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case "..":
			out = out[:max(0, len(out)-1)]
		case ".":
		default:
			out = append(out, segment)
			continue
		}
		if i == len(segments)-1 {
			out = append(out, "")
		}
	}
	return host, "/" + strings.Join(out, "/")
}

// judge says what is wrong with where location leads, "" if nothing.
func judge(location string) string {
	host, pathname := destination(location)
	decoded, err := url.PathUnescape(pathname)
	switch {
	case host != "app.example":
		return "it leads to " + host
	case err != nil:
		return "its path is not one"
	case strings.HasPrefix(decoded, "//"):
		return "its path begins with //"
	case strings.ContainsFunc(location, func(c rune) bool { return c <= ' ' || c > '~' || c == '\\' }):
		return "it holds a byte that browsers do not take as it is"
	}
	for _, p := range []string{decoded, path.Clean(decoded)} {
		for _, own := range []string{"/login", "/callback", "/logout"} {
			if p == own || strings.HasPrefix(p, own+"/") {
				return "it leads to " + own
			}
		}
	}
	return ""
}

// The judge itself, on cases from the test suite of the URL Standard.
func TestDestination(t *testing.T) {
	tests := []struct{ location, host, path string }{
		{"/x", "app.example", "/x"},
		{"x", "app.example", "/callback/x"},
		{"", "app.example", "/callback/"},
		{"//evil.example/x", "evil.example", "/x"},
		{"///evil.example/x", "evil.example", "/x"},
		{`/\evil.example`, "evil.example", "/"},
		{`\\evil.example`, "evil.example", "/"},
		{"/\t/evil.example", "evil.example", "/"},
		{" \x01//evil.example", "evil.example", "/"},
		{"https:evil.example", "app.example", "/callback/evil.example"},
		{"https:/evil.example", "app.example", "/evil.example"},
		{"https:///evil.example", "evil.example", "/"},
		{"http:evil.example", "evil.example", "/"},
		{"//app.example@evil.example", "evil.example", "/"},
		{"javascript:alert(1)", "javascript:", "alert(1)"},
		{"/a/%2e%2E/./b/..", "app.example", "/"},
		{"/a//../b", "app.example", "/a/b"},
		{"/a%2fb/../c", "app.example", "/c"},
		{"/.//evil.example", "app.example", "//evil.example"},
		{`/x?\\y#//z`, "app.example", "/x"},
	}
	for _, tt := range tests {
		if host, path := destination(tt.location); host != tt.host || path != tt.path {
			t.Errorf("%q: got %q and %q, want %q and %q", tt.location, host, path, tt.host, tt.path)
		}
	}
}

// newNextAuth is an Auth whose provider lets everybody in.
func newNextAuth(t testing.TB, change func(*Provider)) *Auth {
	return newTestAuth(t, "https://app.example", func(p *Provider) {
		p.Client = &http.Client{Transport: fixedAnswer{"application/json", 200, []byte(`{"access_token":"t"}`)}}
		p.Identify = func(context.Context, *Grant) (*User, error) { return &User{ID: "17"}, nil }
		if change != nil {
			change(p)
		}
	})
}

// wholeLogin begins a login with rawQuery, finishes it, and returns where it
// ends.
func wholeLogin(t testing.TB, a *Auth, rawQuery string) string {
	t.Helper()
	r := httptest.NewRequest("GET", "https://app.example/login/fake", nil)
	r.URL.RawQuery = rawQuery
	begun := httptest.NewRecorder()
	a.ServeHTTP(begun, r)
	to, err := url.Parse(begun.Header().Get("Location"))
	if err != nil || to.Host != "provider.example" {
		t.Fatalf("got status %d and Location %q, want the provider", begun.Code, begun.Header().Get("Location"))
	}
	asked := to.Query()
	for _, random := range []string{"state", "nonce", "code_challenge"} { // which hold any four letters at times
		asked.Del(random)
	}
	if strings.Contains(asked.Encode(), "evil") { // A10
		t.Errorf("the return path is in the authorization request: %s", to)
	}
	r = httptest.NewRequest("GET", "https://app.example/callback/fake?code=c&state="+to.Query().Get("state"), nil)
	for _, c := range begun.Result().Cookies() {
		if len(c.Raw) > maxSetCookie {
			t.Errorf("got a Set-Cookie line of %d bytes", len(c.Raw))
		}
		r.AddCookie(c)
	}
	done := httptest.NewRecorder()
	a.ServeHTTP(done, r)
	locations := done.Header()["Location"]
	if done.Code != http.StatusSeeOther || len(locations) != 1 {
		t.Fatalf("got status %d and Location %q, want a redirect", done.Code, locations)
	}
	return locations[0]
}

// logOut posts to the logout page and returns where that ends.
func logOut(a *Auth, rawQuery string) string {
	r := httptest.NewRequest("POST", "https://app.example/logout", nil)
	r.URL.RawQuery = rawQuery
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Header().Get("Location")
}

// demand asks for a page that needs a login, by its request target, and returns
// where that ends.
func demand(a *Auth, method, target string) string {
	r := httptest.NewRequest(method, "/", nil)
	r.RequestURI = target
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	w := httptest.NewRecorder()
	a.Require(http.NotFoundHandler()).ServeHTTP(w, r)
	return w.Header().Get("Location")
}

// T33, T34, T36, A11: a hostile return path leads to the default page, through
// whichever handler, and never to an error.
func TestHostileNext(t *testing.T) {
	a := newNextAuth(t, nil)
	for _, next := range hostilePaths(t) {
		if got, ok := a.localPath(next); ok {
			t.Errorf("%q is taken for a path of this site: %q", next, got)
		}
		query := "next=" + url.QueryEscape(next)
		if got := wholeLogin(t, a, query); got != "/" {
			t.Errorf("%q: login leads to %q, want /", next, got)
		}
		if got := logOut(a, query); got != "/" {
			t.Errorf("%q: logout leads to %q, want /", next, got)
		}
		if got := demand(a, "GET", next); got != "/login" {
			t.Errorf("%q: a page that needs a login leads to %q, want /login", next, got)
		}
	}
}

// T37, R59: a good return path comes through whole.
func TestGoodNext(t *testing.T) {
	a := newNextAuth(t, nil)
	for _, next := range goodPaths {
		if got, ok := a.localPath(next); got != next || !ok {
			t.Errorf("%q: got %q, %v", next, got, ok)
			continue
		}
		if wrong := judge(next); wrong != "" {
			t.Errorf("%q: %s", next, wrong)
		}
		query := "next=" + url.QueryEscape(next)
		if got := wholeLogin(t, a, query); got != next {
			t.Errorf("%q: login leads to %q", next, got)
		}
		if got := logOut(a, query); got != next {
			t.Errorf("%q: logout leads to %q", next, got)
		}
		if next == "/" {
			query = ""
		}
		login, gotQuery, _ := strings.Cut(demand(a, "GET", next), "?")
		if login != "/login" || gotQuery != query {
			t.Errorf("%q: a page that needs a login leads to %s?%s", next, login, gotQuery)
		}
		if got := demand(a, "POST", next); got != "/login" && got != "" {
			t.Errorf("%q: after a POST, got %q", next, got)
		}
	}
}

// Unicode is written as browsers write it.
func TestUnicodeNext(t *testing.T) {
	a := newNextAuth(t, nil)
	for next, want := range map[string]string{
		"/caf\u00e9":                             "/caf%C3%A9",
		"/\u65e5\u672c?q=\u20ac#\u00fc":          "/%E6%97%A5%E6%9C%AC?q=%E2%82%AC#%C3%BC",
		"/\uff0f\uff0fevil.example":              "/%EF%BC%8F%EF%BC%8Fevil.example",
		"/\u2028/evil.example":                   "/%E2%80%A8/evil.example",
		"/x?" + strings.Repeat("\u20ac", 1020/9): "/x?" + strings.Repeat("%E2%82%AC", 1020/9),
	} {
		if got := wholeLogin(t, a, "next="+url.QueryEscape(next)); got != want || judge(got) != "" {
			t.Errorf("%q: got %q, want %q (%s)", next, got, want, judge(got))
		}
	}
}

// T36: queries that are broken, or say something else.
func TestOddQueries(t *testing.T) {
	a := newNextAuth(t, nil)
	for query, want := range map[string]string{
		"":                            "/",
		"next":                        "/",
		"next=":                       "/",
		"next=/a":                     "/a",
		"next=/a?b=c":                 "/a?b=c",
		"next=%2Fa%3Fb%3Dc%26d":       "/a?b=c&d",
		"next=%zz":                    "/",
		"next=/a&next=//evil.example": "/a",
		"next=//evil.example&next=/a": "/",
		"next[]=/a":                   "/",
		"NEXT=/a":                     "/",
		"return_to=/a":                "/",
		"next=/a;next=/b":             "/",
		"next=%252f%252fevil.example": "/",
		"next=/a&x=%":                 "/a",
	} {
		if got := wholeLogin(t, a, query); got != want {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
}

// R63: where a provider leaves a fragment in the address, the return path brings
// one of its own.
func TestNextBeforeStrayFragment(t *testing.T) {
	a := newNextAuth(t, func(p *Provider) { p.StrayFragment = true })
	for next, want := range map[string]string{"/a?b": "/a?b#", "/a#b": "/a#b", "//evil.example": "/#", "/a#": "/a#"} {
		if got := wholeLogin(t, a, "next="+url.QueryEscape(next)); got != want {
			t.Errorf("%q: got %q, want %q", next, got, want)
		}
	}
}

// Our own pages are those below Config.URL, and redirect URLs elsewhere.
func TestOwnPagesBelowPath(t *testing.T) {
	a := newTestAuth(t, "https://app.example/auth", func(p *Provider) { p.RedirectURL = "https://app.example/done" })
	for next, want := range map[string]bool{
		"/auth/login": false, "/auth/login/fake": false, "/auth/logout": false, "/auth/callback/fake": false, "/done": false,
		"/auth%2flogin": false, "/x/../auth/login": false, "/auth/x/%2e%2e/login": false, "/x%2fy/../auth/logout": false,
		"/./done": false, "/d%6fne": false, "/x/../done?code=y": false, "/auth//login": false,
		"/login": true, "/callback/fake": true, "/logout": true, "/auth": true, "/auth/": true, "/auth/x": true, "/authlogin": true,
		"/auth/loginx": true, "/done/x": true, "/donex": true, "/x/done": true,
	} {
		if _, ok := a.localPath(next); ok != want {
			t.Errorf("%q: got %v, want %v", next, ok, want)
		}
	}
}

// T66: whatever next is, the browser stays on this site and away from our pages.
func FuzzNext(f *testing.F) {
	for _, next := range slices.Concat(hostilePaths(f), goodPaths) {
		f.Add(next)
	}
	plain := regexp.MustCompile(`^(/[a-km-z0-9]+)+(\?[a-z0-9=&%+/-]*)?$`)
	a := newNextAuth(f, nil)
	f.Fuzz(func(t *testing.T, next string) {
		got, ok := a.localPath(next)
		if !ok {
			if plain.MatchString(next) && len(next) <= maxNext && !strings.HasPrefix(next, "/callback") {
				t.Errorf("%q: refused", next)
			}
			return
		}
		if wrong := judge(got); wrong != "" {
			t.Errorf("%q: got %q: %s", next, got, wrong)
		}
		if again, ok := a.localPath(got); !ok || again != got {
			t.Errorf("%q: got %q, then %q, %v", next, got, again, ok)
		}
		if len(got) > maxNext {
			t.Errorf("%q: got %d bytes", next, len(got))
		}
	})
}
