package login_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/gorilla/sessions"
	"golang.org/x/oauth2"
)

// smallest is a Config in which nothing but the Logger can be left out.
func smallest() login.Config {
	return login.Config{
		URL:       "https://example.com",
		Key:       bytes.Clone(testKey),
		Providers: []login.Provider{smallestProvider("fake")},
		Logger:    slog.New(slog.DiscardHandler),
	}
}

func smallestProvider(name string) login.Provider {
	return login.Provider{
		Name: name, ClientID: "client", ClientSecret: "SECRET-CANARY",
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://id.example/authorize", TokenURL: "https://id.example/token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		Identify: func(context.Context, *login.Grant) (*login.User, error) { return &login.User{ID: "1"}, nil },
	}
}

func noDiscovery(context.Context, login.Provider) (login.Metadata, error) {
	return login.Metadata{}, nil
}

func otherKey(c byte) []byte { return append([]byte{c}, testKey[1:]...) }

// TestNewAccepts: what New must not refuse (T63).
func TestNewAccepts(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c *login.Config, p *login.Provider)
	}{
		{"the smallest", func(c *login.Config, p *login.Provider) {}},
		{"a slash at the end", func(c *login.Config, p *login.Provider) { c.URL += "/" }},
		{"a path", func(c *login.Config, p *login.Provider) { c.URL += "/auth/v1.2_x~y-z" }},
		{"a port", func(c *login.Config, p *login.Provider) { c.URL += ":8443" }},
		{"http on localhost", func(c *login.Config, p *login.Provider) { c.URL = "http://localhost:8080" }},
		{"http on 127.0.0.0/8", func(c *login.Config, p *login.Provider) { c.URL = "http://127.8.8.8" }},
		{"http on IPv6 loopback", func(c *login.Config, p *login.Provider) { c.URL = "http://[::1]:8080" }},
		{"https on IPv6", func(c *login.Config, p *login.Provider) { c.URL = "https://[2001:db8::1]" }},
		{"a long key", func(c *login.Config, p *login.Provider) { c.Key = bytes.Repeat(c.Key, 3) }},
		{"a key that is not UTF-8", func(c *login.Config, p *login.Provider) { c.Key = bytes.Repeat([]byte{0x80, 0x81}, 16) }},
		{"old keys", func(c *login.Config, p *login.Provider) { c.OldKeys = [][]byte{otherKey('x'), otherKey('y')} }},
		{"the longest lifetime", func(c *login.Config, p *login.Provider) { c.Lifetime = 400 * 24 * time.Hour }},
		{"the shortest times", func(c *login.Config, p *login.Provider) { c.Lifetime, c.Idle = time.Minute, time.Minute }},
		{"idle as long as the default lifetime", func(c *login.Config, p *login.Provider) { c.Idle = 24 * time.Hour }},
		{"a store", func(c *login.Config, p *login.Provider) { c.Store = sessions.NewFilesystemStore(t.TempDir(), testKey) }},
		{"the longest name", func(c *login.Config, p *login.Provider) { p.Name = strings.Repeat("a", 30) + "-_" }},
		{"a public client", func(c *login.Config, p *login.Provider) {
			p.Public, p.ClientSecret, p.Endpoint.AuthStyle = true, "", oauth2.AuthStyleAutoDetect
		}},
		{"discovery", func(c *login.Config, p *login.Provider) {
			p.Discover, p.Issuer, p.Endpoint = noDiscovery, "https://id.example/", oauth2.Endpoint{}
		}},
		{"iss required", func(c *login.Config, p *login.Provider) { p.RequireIss, p.Issuer = true, "https://id.example" }},
		{"a query in AuthURL", func(c *login.Config, p *login.Provider) { p.Endpoint.AuthURL += "?tenant=1" }},
		{"a provider on loopback", func(c *login.Config, p *login.Provider) {
			p.Endpoint.AuthURL, p.Endpoint.TokenURL = "http://localhost:1/a", "http://[::1]:1/t"
		}},
		{"parameters", func(c *login.Config, p *login.Provider) {
			p.Params = url.Values{"prompt": {"login"}, "response_mode": {"form_post"}, "resource": {"a", "b"}}
		}},
		{"scopes and commas", func(c *login.Config, p *login.Provider) {
			p.Scopes, p.ScopeSeparator = []string{"read:user", "https://id.example/x.y"}, ","
		}},
		{"a redirect URL", func(c *login.Config, p *login.Provider) { p.RedirectURL = "https://example.com/old/callback.php" }},
		{"a redirect URL beside URL's path", func(c *login.Config, p *login.Provider) {
			c.URL, p.RedirectURL = "https://example.com/auth", "https://example.com/login"
		}},
		{"API with a path", func(c *login.Config, p *login.Provider) { p.API = []string{"https://api.example/v3"} }},
		{"two providers", func(c *login.Config, p *login.Provider) { c.Providers = append(c.Providers, smallestProvider("b")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := smallest()
			test.change(&c, &c.Providers[0])
			if _, err := login.New(c); err != nil {
				t.Errorf("got %v, want no error", err)
			}
		})
	}
}

// TestNewRefuses: every misconfiguration that is known fails when the program
// starts, and says which field, what is wanted and what was there (T63, T8,
// A17). None of the tests makes two mistakes.
func TestNewRefuses(t *testing.T) {
	type change = func(c *login.Config, p *login.Provider)
	setURL := func(u string) change { return func(c *login.Config, p *login.Provider) { c.URL = u } }
	setName := func(s string) change { return func(c *login.Config, p *login.Provider) { p.Name = s } }
	setScope := func(s string) change {
		return func(c *login.Config, p *login.Provider) { p.Scopes = []string{"a", s} }
	}
	setAuthURL := func(u string) change { return func(c *login.Config, p *login.Provider) { p.Endpoint.AuthURL = u } }
	setTokenURL := func(u string) change {
		return func(c *login.Config, p *login.Provider) { p.Endpoint.TokenURL = u }
	}
	setRedirect := func(u string) change { return func(c *login.Config, p *login.Provider) { p.RedirectURL = u } }
	setAPI := func(u string) change {
		return func(c *login.Config, p *login.Provider) { p.API = []string{"https://api.example", u} }
	}
	type test struct {
		name, field, have string
		change            change
	}
	tests := []test{
		{"no URL", "URL", `""`, setURL("")},
		{"not a URL", "URL", "something else", setURL(":")},
		{"a URL with a password that is none", "URL", "something else", setURL("https://u:SECRET-CANARY @example.com")},
		{"a relative URL", "URL", `"/auth"`, setURL("/auth")},
		{"no scheme", "URL", `"example.com"`, setURL("example.com")},
		{"no host", "URL", `"https:///auth"`, setURL("https:///auth")},
		{"opaque", "URL", `"https:example.com"`, setURL("https:example.com")},
		{"another scheme", "URL", `"ftp://example.com"`, setURL("ftp://example.com")},
		{"http", "URL", `"http://example.com"`, setURL("http://example.com")},
		{"http, nearly loopback", "URL", `"http://127.0.0.1.example.com"`, setURL("http://127.0.0.1.example.com")},
		{"http, nearly localhost", "URL", `"http://localhost.example.com"`, setURL("http://localhost.example.com")},
		{"http on the network", "URL", `"http://192.168.0.1"`, setURL("http://192.168.0.1")},
		{"http everywhere", "URL", `"http://0.0.0.0:8080"`, setURL("http://0.0.0.0:8080")},
		{"http on IPv6", "URL", `"http://[2001:db8::1]"`, setURL("http://[2001:db8::1]")},
		{"a user", "URL", `"https://example.com" with more than that`, setURL("https://user:SECRET-CANARY@example.com")},
		{"a query", "URL", `"https://example.com/" with more than that`, setURL("https://example.com/?a=b")},
		{"an empty query", "URL", `"https://example.com" with more than that`, setURL("https://example.com?")},
		{"a fragment", "URL", `"https://example.com/" with more than that`, setURL("https://example.com/#a")},
		{"an empty fragment", "URL", `"https://example.com"`, setURL("https://example.com#")},
		{"an escaped path", "URL", `"https://example.com/a%2Fb"`, setURL("https://example.com/a%2Fb")},
		{"a path with a space", "URL", `"https://example.com/a%20b"`, setURL("https://example.com/a b")},
		{"a path that climbs", "URL", `"https://example.com/a/../b"`, setURL("https://example.com/a/../b")},
		{"a path with a dot", "URL", `"https://example.com/./a"`, setURL("https://example.com/./a")},
		{"a path with two slashes", "URL", `"https://example.com//a"`, setURL("https://example.com//a")},
		{"a pattern", "URL", `"https://example.com/%7Bx%7D"`, setURL("https://example.com/{x}")},
		{"upper case", "URL", `"Example.com"`, setURL("https://Example.com")},
		{"a needless port", "URL", `"example.com:443"`, setURL("https://example.com:443")},
		{"an empty port", "URL", `"example.com:"`, setURL("https://example.com:")},
		{"a quote in the host", "URL", `"exam\"ple.com"`, setURL(`https://exam"ple.com`)},

		{"no key", "Key", "0 bytes", func(c *login.Config, p *login.Provider) { c.Key = nil }},
		{"a short key", "Key", "31 bytes", func(c *login.Config, p *login.Provider) { c.Key = c.Key[:31] }},
		{"a key of zeros", "Key", "one byte repeated", func(c *login.Config, p *login.Provider) { c.Key = make([]byte, 32) }},
		{"a key of 0xff", "Key", "one byte repeated", func(c *login.Config, p *login.Provider) { c.Key = bytes.Repeat([]byte{0xff}, 64) }},
		{"a short old key", "OldKeys[1]", "5 bytes", func(c *login.Config, p *login.Provider) {
			c.OldKeys = [][]byte{otherKey('x'), testKey[:5]}
		}},
		{"an old key of zeros", "OldKeys[0]", "one byte repeated", func(c *login.Config, p *login.Provider) {
			c.OldKeys = [][]byte{make([]byte, 32)}
		}},
		{"an old key that is Key", "OldKeys[0]", "one that is listed before", func(c *login.Config, p *login.Provider) {
			c.OldKeys = [][]byte{bytes.Clone(c.Key)}
		}},
		{"equal old keys", "OldKeys[1]", "one that is listed before", func(c *login.Config, p *login.Provider) {
			c.OldKeys = [][]byte{otherKey('x'), otherKey('x')}
		}},

		{"a negative lifetime", "Lifetime", "-1h0m0s", func(c *login.Config, p *login.Provider) { c.Lifetime = -time.Hour }},
		{"a lifetime in the wrong unit", "Lifetime", "86.4µs", func(c *login.Config, p *login.Provider) { c.Lifetime = 86400 }},
		{"too long a lifetime", "Lifetime", "9600h0m1s", func(c *login.Config, p *login.Provider) { c.Lifetime = 400*24*time.Hour + time.Second }},
		{"a negative idle limit", "Idle", "-1h0m0s", func(c *login.Config, p *login.Provider) { c.Idle = -time.Hour }},
		{"too short an idle limit", "Idle", "59s", func(c *login.Config, p *login.Provider) { c.Idle = 59 * time.Second }},
		{"idle beyond lifetime", "Idle", "2h0m0s", func(c *login.Config, p *login.Provider) { c.Lifetime, c.Idle = time.Hour, 2*time.Hour }},
		{"idle beyond the default lifetime", "Idle", "25h0m0s", func(c *login.Config, p *login.Provider) { c.Idle = 25 * time.Hour }},
		{"a nil store", "Store", "a nil *sessions.FilesystemStore", func(c *login.Config, p *login.Provider) { c.Store = (*sessions.FilesystemStore)(nil) }},
		{"no providers", "Providers", "none", func(c *login.Config, p *login.Provider) { c.Providers = nil }},

		{"no name", "Providers[0].Name", `""`, setName("")},
		{"upper case in a name", `Providers[0 "GitHub"].Name`, `"GitHub"`, setName("GitHub")},
		{"a slash in a name", `Providers[0 "a/b"].Name`, `"a/b"`, setName("a/b")},
		{"a dot in a name", `Providers[0 ".."].Name`, `".."`, setName("..")},
		{"a line break in a name", `Providers[0 "a\n"].Name`, `"a\n"`, setName("a\n")},
		{"a hyphen before a name", `Providers[0 "-a"].Name`, `"-a"`, setName("-a")},
		{"a letter that is not ASCII", `Providers[0 "é"].Name`, `"é"`, setName("é")},
		{"too long a name", `Providers[0 "` + strings.Repeat("a", 33) + `"].Name`, "aaa", setName(strings.Repeat("a", 33))},
		{"the name login", `Providers[0 "login"].Name`, `"login"`, setName("login")},
		{"the name callback", `Providers[0 "callback"].Name`, `"callback"`, setName("callback")},
		{"the name logout", `Providers[0 "logout"].Name`, `"logout"`, setName("logout")},
		{"the name connect", `Providers[0 "connect"].Name`, `"connect"`, setName("connect")},
		{"a name twice", `Providers[1 "fake"].Name`, "that of Providers[0]", func(c *login.Config, p *login.Provider) {
			c.Providers = append(c.Providers, smallestProvider("fake"))
		}},

		{"no client ID", `Providers[0 "fake"].ClientID`, `""`, func(c *login.Config, p *login.Provider) { p.ClientID = "" }},
		{"a client ID of spaces", `Providers[0 "fake"].ClientID`, `" "`, func(c *login.Config, p *login.Provider) { p.ClientID = " " }},
		{"a client ID from a file", `Providers[0 "fake"].ClientID`, `"client\n"`, func(c *login.Config, p *login.Provider) { p.ClientID = "client\n" }},
		{"no client secret", `Providers[0 "fake"].ClientSecret`, "none", func(c *login.Config, p *login.Provider) { p.ClientSecret = "" }},
		{"a client secret from a file", `Providers[0 "fake"].ClientSecret`, "some", func(c *login.Config, p *login.Provider) { p.ClientSecret += "\n" }},
		{"public with a secret", `Providers[0 "fake"].ClientSecret`, "one", func(c *login.Config, p *login.Provider) { p.Public = true }},
		{"no Identify", `Providers[0 "fake"].Identify`, "nil", func(c *login.Config, p *login.Provider) { p.Identify = nil }},
		{"what a constructor found", `Providers[0 "fake"].Team`, `"a b"`, func(c *login.Config, p *login.Provider) {
			p.Err, p.Identify = errors.New(`Team: want one word, have "a b"`), nil
		}},

		{"no AuthURL", `Providers[0 "fake"].Endpoint.AuthURL`, `""`, setAuthURL("")},
		{"a plain AuthURL", `Providers[0 "fake"].Endpoint.AuthURL`, `"http://id.example/a"`, setAuthURL("http://id.example/a")},
		{"a fragment in AuthURL", `Providers[0 "fake"].Endpoint.AuthURL`, `"https://id.example/a" with more than that`, setAuthURL("https://id.example/a#b")},
		{"a script as AuthURL", `Providers[0 "fake"].Endpoint.AuthURL`, "javascript", setAuthURL("javascript:alert(1)")},
		{"no TokenURL", `Providers[0 "fake"].Endpoint.TokenURL`, `""`, setTokenURL("")},
		{"a plain TokenURL", `Providers[0 "fake"].Endpoint.TokenURL`, `"http://id.example/t"`, setTokenURL("http://id.example/t")},
		{"a user in TokenURL", `Providers[0 "fake"].Endpoint.TokenURL`, `"https://id.example/t" with more than that`, setTokenURL("https://u:SECRET-CANARY@id.example/t")},
		{"AuthStyleAutoDetect", `Providers[0 "fake"].Endpoint.AuthStyle`, "AuthStyleAutoDetect", func(c *login.Config, p *login.Provider) {
			p.Endpoint.AuthStyle = oauth2.AuthStyleAutoDetect
		}},
		{"an unknown AuthStyle", `Providers[0 "fake"].Endpoint.AuthStyle`, "7", func(c *login.Config, p *login.Provider) { p.Endpoint.AuthStyle = 7 }},
		{"an unknown AuthStyle to be discovered", `Providers[0 "fake"].Endpoint.AuthStyle`, "7", func(c *login.Config, p *login.Provider) {
			p.Discover, p.Issuer, p.Endpoint = noDiscovery, "https://id.example", oauth2.Endpoint{AuthStyle: 7}
		}},
		{"Discover without Issuer", `Providers[0 "fake"].Issuer`, `""`, func(c *login.Config, p *login.Provider) { p.Discover = noDiscovery }},
		{"Discover and a plain TokenURL", `Providers[0 "fake"].Endpoint.TokenURL`, `"http://id.example/t"`, func(c *login.Config, p *login.Provider) {
			p.Discover, p.Issuer, p.Endpoint = noDiscovery, "https://id.example", oauth2.Endpoint{TokenURL: "http://id.example/t"}
		}},
		{"Discover and a plain AuthURL", `Providers[0 "fake"].Endpoint.AuthURL`, `"http://id.example/a"`, func(c *login.Config, p *login.Provider) {
			p.Discover, p.Issuer, p.Endpoint = noDiscovery, "https://id.example", oauth2.Endpoint{AuthURL: "http://id.example/a"}
		}},
		{"a plain Issuer", `Providers[0 "fake"].Issuer`, `"http://id.example"`, func(c *login.Config, p *login.Provider) { p.Issuer = "http://id.example" }},
		{"a query in Issuer", `Providers[0 "fake"].Issuer`, `"https://id.example" with`, func(c *login.Config, p *login.Provider) { p.Issuer = "https://id.example?a" }},
		{"RequireIss without Issuer", `Providers[0 "fake"].RequireIss`, "none", func(c *login.Config, p *login.Provider) { p.RequireIss = true }},

		{"an empty scope", `Providers[0 "fake"].Scopes`, `""`, setScope("")},
		{"two scopes in one", `Providers[0 "fake"].Scopes`, `"b c"`, setScope("b c")},
		{"a quote in a scope", `Providers[0 "fake"].Scopes`, `"b\""`, setScope(`b"`)},
		{"a backslash in a scope", `Providers[0 "fake"].Scopes`, `"b\\"`, setScope(`b\`)},
		{"a scope that is not ASCII", `Providers[0 "fake"].Scopes`, `"é"`, setScope("é")},
		{"a strange separator", `Providers[0 "fake"].ScopeSeparator`, `"&"`, func(c *login.Config, p *login.Provider) { p.ScopeSeparator = "&" }},
		{"response_mode=fragment", `Providers[0 "fake"].Params`, `"fragment"`, func(c *login.Config, p *login.Provider) {
			p.Params = url.Values{"response_mode": {"fragment"}}
		}},

		{"a redirect URL elsewhere", `Providers[0 "fake"].RedirectURL`, `"https://evil.example/cb"`, setRedirect("https://evil.example/cb")},
		{"a redirect URL on another port", `Providers[0 "fake"].RedirectURL`, `"https://example.com:8443/cb"`, setRedirect("https://example.com:8443/cb")},
		{"a plain redirect URL", `Providers[0 "fake"].RedirectURL`, `"http://example.com/cb"`, setRedirect("http://example.com/cb")},
		{"a redirect URL with a query", `Providers[0 "fake"].RedirectURL`, `"https://example.com/cb" with more than that`, setRedirect("https://example.com/cb?a=b")},
		{"a redirect URL without a path", `Providers[0 "fake"].RedirectURL`, `"https://example.com/"`, setRedirect("https://example.com/")},
		{"a relative redirect URL", `Providers[0 "fake"].RedirectURL`, `"/cb"`, setRedirect("/cb")},
		{"a redirect URL that is the login page", `Providers[0 "fake"].RedirectURL`, `"https://example.com/login/fake"`, setRedirect("https://example.com/login/fake")},
		{"a redirect URL that is the logout page", `Providers[0 "fake"].RedirectURL`, `"https://example.com/logout"`, setRedirect("https://example.com/logout")},
		{"two redirect URLs in one", `Providers[1 "b"].RedirectURL`, "that of Providers[0]", func(c *login.Config, p *login.Provider) {
			p.RedirectURL = "https://example.com:443/callback/b"
			c.Providers = append(c.Providers, smallestProvider("b"))
		}},

		{"a plain API", `Providers[0 "fake"].API[1]`, `"http://api.example"`, setAPI("http://api.example")},
		{"an API without a scheme", `Providers[0 "fake"].API[1]`, `"api.example"`, setAPI("api.example")},
		{"an API with a query", `Providers[0 "fake"].API[1]`, `"https://api.example" with more than that`, setAPI("https://api.example?a")},
	}
	for _, key := range []string{
		"response_type", "client_id", "redirect_uri", "state", "nonce", "scope",
		"code_challenge", "code_challenge_method", "request", "request_uri",
	} {
		tests = append(tests,
			test{key + " in Params", `Providers[0 "fake"].Params`, key, func(c *login.Config, p *login.Provider) {
				p.Params = url.Values{"prompt": {"login"}, key: {"evil"}}
			}},
			test{key + " in AuthURL", `Providers[0 "fake"].Endpoint.AuthURL`, key, setAuthURL("https://id.example/a?x=1&" + key + "=evil")})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := smallest()
			test.change(&c, &c.Providers[0])
			a, err := login.New(c)
			if a != nil || err == nil {
				t.Fatalf("got %v, %v, want an error about %s", a, err, test.field)
			}
			for _, secret := range []string{"SECRET-CANARY", string(testKey[1:8])} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q is in the error %q", secret, err)
				}
			}
			all := joined(t, err)
			if len(all) != 1 {
				t.Fatalf("got %d errors, want 1:\n%v", len(all), err)
			}
			_, have, ok := strings.Cut(all[0].Error(), ", have ")
			if !strings.HasPrefix(err.Error(), "login: Config."+test.field+": want ") || !ok || !strings.Contains(have, test.have) {
				t.Errorf("got %q, want it to be about %s and to have %s", err, test.field, test.have)
			}
		})
	}
}

func joined(t *testing.T, err error) []error {
	t.Helper()
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got the error %T %v, want joined ones", err, err)
	}
	return list.Unwrap()
}

// TestNewNamesEverything: whoever makes many mistakes sees them in one go (T63).
func TestNewNamesEverything(t *testing.T) {
	bad := smallestProvider("Bad Name")
	bad.ClientID, bad.ClientSecret, bad.Identify, bad.Endpoint = "", "", nil, oauth2.Endpoint{}
	bad.RedirectURL = "http://example.com/cb"
	made := smallestProvider("made")
	made.Err = errors.Join(errors.New("A: want 1, have 2"), errors.New("B: want 3, have 4"))
	good := smallestProvider("good")
	c := login.Config{
		URL: "http://example.com", Key: testKey[:8], OldKeys: [][]byte{make([]byte, 32)},
		Lifetime: -1, Idle: -1, Store: (*sessions.FilesystemStore)(nil),
		Providers: []login.Provider{good, bad, made, good},
	}
	_, err := login.New(c)
	if err == nil {
		t.Fatal("got no error")
	}
	var got []string
	for _, err := range joined(t, err) {
		field, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "login: Config."), ": want ")
		got = append(got, field)
	}
	at := `Providers[1 "Bad Name"].`
	want := []string{
		"URL", "Key", "OldKeys[0]", "Lifetime", "Idle", "Store",
		at + "Name", at + "ClientID", at + "ClientSecret", at + "Identify",
		at + "Endpoint.AuthURL", at + "Endpoint.TokenURL", at + "Endpoint.AuthStyle", at + "RedirectURL",
		`Providers[2 "made"].A`, `Providers[2 "made"].B`, `Providers[3 "good"].Name`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// TestNewCopies: what the application does to its Config afterwards changes
// nothing, neither where people are sent nor what opens a cookie (T63).
func TestNewCopies(t *testing.T) {
	f := newFakeProvider(t)
	p := f.provider("fake")
	p.Params = url.Values{"prompt": {"login"}}
	spoil := func(c *login.Config) {
		clear(c.Key)
		clear(c.OldKeys[0])
		c.OldKeys[0] = nil
		p := &c.Providers[0]
		p.Params["prompt"][0] = "none"
		p.Params["state"] = []string{"fixed"}
		p.Scopes[0] = "admin"
		p.API[0] = "https://evil.example"
		c.Providers[0] = login.Provider{}
	}
	c := login.Config{
		Key: bytes.Clone(testKey), OldKeys: [][]byte{otherKey('x')},
		Providers: []login.Provider{p},
	}
	s := newSite(t, c)
	spoil(&c)

	resp, _ := newBrowser(t).step(s.URL + "/login")
	to, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	q := to.Query()
	if got := to.Scheme + "://" + to.Host; got != f.URL {
		t.Errorf("sent to %s, want %s", got, f.URL)
	}
	if q.Get("prompt") != "login" || q.Get("scope") != "profile" || len(q["state"]) != 1 || q.Get("state") == "fixed" {
		t.Errorf("got the request %v, want the one that was configured", q)
	}
	b := newBrowser(t)
	if _, body := b.open(s.URL + "/me"); !strings.Contains(body, "Ada") {
		t.Errorf("got %q, want somebody logged in", body)
	}
	// An Auth with the same keys opens what s sealed, so s still uses them.
	c2 := login.Config{URL: s.URL, Key: otherKey('x'), OldKeys: [][]byte{testKey}, Providers: []login.Provider{f.provider("fake")}}
	again, err := login.New(c2)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/me", nil)
	for name, value := range b.cookies(s.URL) {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	again.Require(ok200()).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("got %d with the key that was configured, want 200", w.Code)
	}
}

func ok200() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "let in") })
}

// TestZeroAuth: an Auth that New did not make, because its error was ignored,
// lets nobody in and does not panic (T63).
func TestZeroAuth(t *testing.T) {
	auth := new(login.Auth)
	var passed *login.User
	seen := false
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		passed, seen = login.UserFrom(r.Context()), true
		if _, err := auth.Token(w, r); err == nil {
			t.Error("Token returned no error")
		}
	})
	handlers := map[string]http.Handler{
		"Require": auth.Require(ok200()),
		"Allow":   auth.Allow(func(*login.User) bool { return true })(ok200()),
		"Auth":    auth, "Wrap": auth.Wrap(app),
		"Login": http.HandlerFunc(auth.Login), "Callback": http.HandlerFunc(auth.Callback), "Logout": http.HandlerFunc(auth.Logout),
		"Connect": http.HandlerFunc(auth.Connect),
		"Start":   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { auth.Start(w, r, login.Start{Provider: "fake"}) }),
	}
	for name, h := range handlers {
		for _, r := range manyRequests() {
			w := serveSafely(t, name, h, r)
			if strings.Contains(w.Body.String(), "let in") {
				t.Errorf("%s: %s %s lets somebody in", name, r.Method, r.URL)
			}
			if name == "Require" && w.Code != http.StatusUnauthorized {
				t.Errorf("%s: %s %s: got %d, want 401", name, r.Method, r.URL, w.Code)
			}
		}
	}
	if !seen || passed != nil {
		t.Errorf("Wrap called the application: %t, with the user %v, want nobody", seen, passed)
	}
	if got := auth.CallbackURL("fake"); got != "" {
		t.Errorf("got the callback URL %q, want none", got)
	}
}

// manyRequests are those of browsers, programs and other people's pages.
func manyRequests() []*http.Request {
	var all []*http.Request
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
		for _, target := range []string{
			"/app", "/login", "/login/", "/login/fake?next=/x", "/callback/fake?code=a&state=b", "/callback/", "/callback?code=a", "/logout",
		} {
			for _, header := range []http.Header{
				{"Cookie": {"=x; login-t0=1a; -s=b; -t0=c; login-00000000=d"}, "Sec-Fetch-Mode": {"navigate"}},
				{"Accept": {"text/html"}, "Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}},
				{"Cookie": {"login=x"}, "Origin": {"http://example.com"}},
			} {
				r := httptest.NewRequest(method, target, nil)
				r.Header = header.Clone()
				all = append(all, r)
			}
		}
	}
	return all
}

func serveSafely(t *testing.T, name string, h http.Handler, r *http.Request) (w *httptest.ResponseRecorder) {
	t.Helper()
	w = httptest.NewRecorder()
	defer func() {
		if e := recover(); e != nil {
			t.Errorf("%s: %s %s %v: panic: %v", name, r.Method, r.URL, r.Header, e)
		}
	}()
	h.ServeHTTP(w, r)
	return w
}
