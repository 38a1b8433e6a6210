package generic_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"golang.org/x/oauth2"
)

// F6: what the metadata says is what the login goes by.
func TestDiscover(t *testing.T) {
	o := newOP(t)
	o.metadata = object{
		"userinfo_endpoint":                              o.URL + "/userinfo",
		"revocation_endpoint":                            o.URL + "/revoke",
		"end_session_endpoint":                           o.URL + "/end?a=b",
		"authorization_response_iss_parameter_supported": true,
		"id_token_signing_alg_values_supported":          []string{"none", "HS256", "ES256", "RS256", "ES256K", "RSA-OAEP"},
		"something_new":                                  object{"a": 1},
	}
	got := o.discover(o.provider(generic.Config{}))
	want := login.Metadata{
		Endpoint: oauth2.Endpoint{
			AuthURL: o.URL + "/authorize", TokenURL: o.URL + "/token", AuthStyle: oauth2.AuthStyleInHeader,
		},
		Issuer:        o.URL,
		RequireIss:    true,
		UserInfoURL:   o.URL + "/userinfo",
		KeysURL:       o.URL + "/keys",
		RevocationURL: o.URL + "/revoke",
		EndSessionURL: o.URL + "/end?a=b",
		Algorithms:    []string{"ES256", "RS256"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// F1: the issuer is the one that was configured, to the letter.
func TestDiscoverIssuer(t *testing.T) {
	o := newOP(t)
	host := strings.TrimPrefix(o.URL, "http://")
	tests := []struct{ name, configured, published, want string }{
		{"same", o.URL, o.URL, ""},
		{"same, with a slash", o.URL + "/", o.URL + "/", ""},
		{"same, with a path", o.URL + "/realm", o.URL + "/realm", ""},
		{"a slash more", o.URL, o.URL + "/", fmt.Sprintf("want %q, have %q", o.URL, o.URL+"/")},
		{"a slash less", o.URL + "/", o.URL, "issuer"},
		{"upper case", o.URL, strings.ToUpper(o.URL), "issuer"},
		{"another", o.URL, "https://evil.example", "issuer"},
		{"a template", o.URL, "https://login.example/{tenantid}/v2.0", "issuer"},
		{"something else", o.URL, "https://evil.example?token=hush-hush", "have another"},
		{"none", o.URL, "", "issuer"},
		{"configured without TLS", "http://id.example", "http://id.example", "want https"},
		{"configured without host", "https://", "https://", "absolute"},
		{"configured with a query", o.URL + "?a=b", o.URL + "?a=b", "query"},
		{"configured with a fragment", o.URL + "#a", o.URL + "#a", "fragment"},
		{"configured with a user", "http://user:hush-hush@" + host, "http://user:hush-hush@" + host, "user"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o.metadata = object{"issuer": test.published}
			o.handle("/realm/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
				r.URL.Path = strings.TrimPrefix(r.URL.Path, "/realm")
				o.ServeHTTP(w, r)
			})
			p := o.provider(generic.Config{Issuer: test.configured})
			_, err := p.Discover(o.ctx(), p)
			check(t, nil, err, test.want)
		})
	}
}

// F3: every endpoint is one to which something may be sent.
func TestDiscoverEndpoints(t *testing.T) {
	o := newOP(t)
	required := map[string]bool{"authorization_endpoint": true, "token_endpoint": true, "jwks_uri": true}
	for _, name := range []string{
		"authorization_endpoint", "token_endpoint", "jwks_uri",
		"userinfo_endpoint", "revocation_endpoint", "end_session_endpoint",
	} {
		for _, test := range []struct{ url, want string }{
			{"https://id.example/path?query=1", ""},
			{"http://localhost:8080/path", ""},
			{"http://[::1]:8080/path", ""},
			{"http://id.example/path", "want https"},
			{"http://localhost.evil.example/path", "want https"},
			{"http://127.0.0.1.nip.io/path", "want https"},
			{"ftp://id.example/path", "want https"},
			{"javascript:alert(1)", "absolute"},
			{"/path", "absolute"},
			{"//id.example/path", "want https"},
			{"https:///path", "absolute"},
			{"https://:443/path", "absolute"},
			{"https://user:hush-hush@id.example/path", "user"},
			{"https://id.example/path#fragment", "fragment"},
			{"https://id.example/path#", "fragment"},
			{"https://id.example/%zz", "not a URL"},
		} {
			t.Run(name+" "+test.url, func(t *testing.T) {
				o.metadata = object{name: test.url}
				p := o.provider(generic.Config{})
				_, err := p.Discover(o.ctx(), p)
				check(t, nil, err, test.want)
				if err != nil && !strings.Contains(err.Error(), name) {
					t.Errorf("got error %v, want one that names %s", err, name)
				}
			})
		}
		t.Run(name+" absent", func(t *testing.T) {
			o.metadata = object{name: nil}
			p := o.provider(generic.Config{})
			_, err := p.Discover(o.ctx(), p)
			want := ""
			if required[name] {
				want = name + ": required"
			}
			check(t, nil, err, want)
		})
	}
}

// F3, C6: an issuer with TLS cannot lead to endpoints without.
func TestDiscoverDowngrade(t *testing.T) {
	o := newOP(t)
	s := newTLSOP(t)
	for _, test := range []struct{ name, url, want string }{
		{"https", "https://id.example/token", ""},
		{"http on loopback", o.URL + "/token", "token_endpoint: want https"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.metadata = object{"token_endpoint": test.url}
			p := s.provider(generic.Config{})
			_, err := p.Discover(s.ctx(), p)
			check(t, nil, err, test.want)
		})
	}
}

// C2, C4: how the client authenticates.
func TestDiscoverAuthStyle(t *testing.T) {
	o := newOP(t)
	const header, params = oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams
	tests := []struct {
		name    string
		methods any
		config  generic.Config
		want    oauth2.AuthStyle
		wantErr string
	}{
		{"absent", nil, generic.Config{}, header, ""},
		{"basic", []string{"client_secret_basic"}, generic.Config{}, header, ""},
		{"post", []string{"client_secret_post"}, generic.Config{}, params, ""},
		{"post and basic", []string{"client_secret_post", "client_secret_basic"}, generic.Config{}, header, ""},
		{"post among others", []string{"private_key_jwt", "client_secret_post"}, generic.Config{}, params, ""},
		{"neither", []string{"private_key_jwt", "tls_client_auth"}, generic.Config{}, 0, "token_endpoint_auth_methods_supported"},
		{"empty", []string{}, generic.Config{}, 0, "token_endpoint_auth_methods_supported"},
		{"not a list", "client_secret_post", generic.Config{}, 0, "section 3"},
		{"chosen", []string{"client_secret_basic"}, generic.Config{AuthStyle: params}, params, ""},
		{"chosen against the list", []string{"private_key_jwt"}, generic.Config{AuthStyle: header}, header, ""},
		{"public", []string{"none"}, generic.Config{Public: true}, params, ""},
		{"public, unlisted", []string{"client_secret_basic"}, generic.Config{Public: true, AuthStyle: header}, params, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o.metadata = object{"token_endpoint_auth_methods_supported": test.methods}
			p := o.provider(test.config)
			m, err := p.Discover(o.ctx(), p)
			check(t, nil, err, test.wantErr)
			if m.Endpoint.AuthStyle != test.want {
				t.Errorf("got style %v, want %v", m.Endpoint.AuthStyle, test.want)
			}
		})
	}
}

// D2, D3, D4: which algorithms a login accepts.
func TestDiscoverAlgorithms(t *testing.T) {
	o := newOP(t)
	tests := []struct {
		name      string
		published any
		pinned    []string
		want      []string
		wantErr   string
	}{
		{"absent", nil, nil, []string{"RS256"}, ""},
		{"listed", []string{"ES256", "RS256"}, nil, []string{"ES256", "RS256"}, ""},
		{"with none and HMAC", []string{"none", "HS256", "HS512", "PS512"}, nil, []string{"PS512"}, ""},
		{"only none and HMAC", []string{"none", "HS256"}, nil, nil, "id_token_signing_alg_values_supported"},
		{"empty", []string{}, nil, nil, "id_token_signing_alg_values_supported"},
		{"pinned", []string{"ES256", "RS256"}, []string{"ES256"}, []string{"ES256"}, ""},
		{"pinned, unlisted", []string{"HS256"}, []string{"EdDSA"}, []string{"EdDSA"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o.metadata = object{"id_token_signing_alg_values_supported": test.published}
			p := o.provider(generic.Config{Algorithms: test.pinned})
			m, err := p.Discover(o.ctx(), p)
			check(t, nil, err, test.wantErr)
			if !reflect.DeepEqual(m.Algorithms, test.want) {
				t.Errorf("got %q, want %q", m.Algorithms, test.want)
			}
		})
	}
}

// D2: a pinned algorithm is the only one.
func TestPinnedAlgorithm(t *testing.T) {
	o := newOP(t)
	algs := []string{"PS256"}
	p := o.provider(generic.Config{Algorithms: algs})
	algs[0] = "RS256"
	m := o.discover(p)
	for alg, want := range map[string]string{"PS256": "", "RS256": "alg"} {
		jwt := rsaKey().sign(alg, `{"alg":"`+alg+`","kid":"k1"}`, o.claims().json())
		u, err := p.Identify(o.ctx(), o.grant(p, m, jwt))
		check(t, u, err, want)
	}
}

// F4: while the provider is down there is an error, and afterwards none.
func TestDiscoverAgain(t *testing.T) {
	o := newOP(t)
	const path = "/.well-known/openid-configuration"
	o.handle(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	p := o.provider(generic.Config{})
	_, err := p.Discover(o.ctx(), p)
	check(t, nil, err, "discovery: want status 200, have 502")
	o.handle(path, nil)
	o.discover(p)
}

// F5, C8, T47: what the metadata endpoint may not do.
func TestDiscoverFaults(t *testing.T) {
	faults(t, "/.well-known/openid-configuration", "want JSON", func(o *op) error {
		p := o.provider(generic.Config{})
		_, err := p.Discover(o.ctx(), p)
		return err
	})
	for _, body := range []string{``, `[]`, `null`, `"x"`, `{"issuer":1}`, `{`, `<html>`} {
		t.Run(body, func(t *testing.T) {
			o := newOP(t)
			o.handle("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
			p := o.provider(generic.Config{})
			_, err := p.Discover(o.ctx(), p)
			check(t, nil, err, "discovery")
		})
	}
}

// The default client of net/http, which has no bounds, is never used.
func TestDiscoverNeedsClient(t *testing.T) {
	o := newOP(t)
	p := o.provider(generic.Config{})
	_, err := p.Discover(context.Background(), p)
	check(t, nil, err, "no HTTP client")
}

// A8: openid is always asked for.
func TestScopes(t *testing.T) {
	tests := []struct{ scopes, want []string }{
		{nil, []string{"openid", "profile", "email"}},
		{[]string{}, []string{"openid", "profile", "email"}},
		{[]string{"email", "openid"}, []string{"email", "openid"}},
		{[]string{"email"}, []string{"openid", "email"}},
	}
	for _, test := range tests {
		got := generic.OIDC(generic.Config{Scopes: test.scopes}).Scopes
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("Scopes %q: got %q, want %q", test.scopes, got, test.want)
		}
	}
}
