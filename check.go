package login

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	minKey      = 32                   // bytes
	maxLifetime = 400 * 24 * time.Hour // RFC 6265bis section 5.5
	minIdle     = time.Minute
)

// mistakes collects what is wrong with a Config: each entry says which field,
// what is wanted and what was found, and never a secret.
type mistakes []error

func (m *mistakes) add(ok bool, field, want string, have any) {
	if !ok {
		*m = append(*m, fmt.Errorf("login: Config.%s: want %s, have %v", field, want, have))
	}
}

// check reports every mistake in c.
func (c *Config) check() error {
	var m mistakes
	base := c.checkURL(&m)
	c.checkKeys(&m)
	c.checkTimes(&m)
	for field, value := range map[string]any{"Store": c.Store, "Tokens": c.Tokens, "Revocations": c.Revocations, "Once": c.Once} {
		if v := reflect.ValueOf(value); v.Kind() == reflect.Pointer {
			m.add(!v.IsNil(), field, "one, or nothing at all", fmt.Sprintf("a nil %T", value))
		}
	}
	m.add(len(c.Providers) > 0, "Providers", "at least one", "none")
	c.checkProviders(&m, base)
	return errors.Join(m...)
}

func (c *Config) checkTimes(m *mistakes) {
	lifetime := c.Lifetime
	if lifetime == 0 {
		lifetime = 24 * time.Hour
	}
	m.add(minIdle <= lifetime && lifetime <= maxLifetime, "Lifetime", "0 (24 hours), or a minute to 400 days", c.Lifetime)
	m.add(c.Idle == 0 || minIdle <= c.Idle && c.Idle <= max(lifetime, minIdle), "Idle",
		"0 (no limit), or a minute to Lifetime", c.Idle)
}

// checkProviders checks each provider, and that they can be told apart. base is
// nil where Config.URL is no use.
func (c *Config) checkProviders(m *mistakes, base *url.URL) {
	names, callbacks := map[string]int{}, map[string]int{}
	for i := range c.Providers {
		p := &c.Providers[i]
		field := fmt.Sprintf("Providers[%d]", i)
		if p.Name != "" {
			field = fmt.Sprintf("Providers[%d %q]", i, p.Name)
		}
		at := func(name string) string { return field + "." + name }
		first, taken := names[p.Name]
		m.add(!taken || p.Name == "", at("Name"), "a name of its own", fmt.Sprintf("that of Providers[%d]", first))
		names[p.Name] = i
		p.check(m, at)
		u, ok := p.checkRedirectURL(m, at("RedirectURL"), c.URL, base)
		if !ok {
			continue
		}
		// One redirect URL each: an answer then says whom it is from (RFC 9700
		// section 4.4.2.2). Their origin is the same, so the path decides.
		first, taken = callbacks[u.Path]
		m.add(!taken || c.Providers[first].Name == p.Name, at("RedirectURL"), "one of its own", fmt.Sprintf("that of Providers[%d]", first))
		callbacks[u.Path] = i
	}
}

// checkRedirectURL parses the redirect URL of p, whose origin must be that of
// base: browsers bring the flow cookie there only.
func (p *Provider) checkRedirectURL(m *mistakes, field, configURL string, base *url.URL) (*url.URL, bool) {
	if p.RedirectURL == "" { // right if Config.URL and p.Name are
		u, err := url.Parse(p.redirectURL(configURL))
		return u, base != nil && err == nil
	}
	u, ok := m.checkURL(field, p.RedirectURL)
	if !ok {
		return nil, false
	}
	ok = (base == nil || origin(u) == origin(base)) && u.RawQuery == "" && !u.ForceQuery && len(u.Path) > 1
	m.add(ok, field, "a path below the origin of Config.URL, without a query", shown(u))
	if base == nil {
		return nil, false
	}
	tail, below := strings.CutPrefix(u.Path, strings.TrimSuffix(base.Path, "/"))
	taken := below && (tail == "/logout" || tail == "/login" || strings.HasPrefix(tail, "/login/") || strings.HasPrefix(tail, "/connect/"))
	m.add(!taken, field, "a path other than /login, /logout and /connect", fmt.Sprintf("%q", u))
	return u, ok
}

func (c *Config) checkURL(m *mistakes) *url.URL {
	u, ok := m.checkURL("URL", c.URL)
	if !ok {
		return nil
	}
	plain := regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*/?$`)
	ok = plain.MatchString(u.EscapedPath()) && path.Clean("/"+u.Path) == "/"+strings.Trim(u.Path, "/") &&
		u.RawQuery == "" && !u.ForceQuery
	m.add(ok, "URL", "a path of plain segments, no query", shown(u))
	// It is compared with the Origin header, where browsers write it like that.
	host := regexp.MustCompile(`^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]*)?$`)
	needless := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	plainHost := host.MatchString(u.Host) && u.Port() != needless
	m.add(plainHost, "URL", "a host in lower-case ASCII, without the port that goes without saying", fmt.Sprintf("%q", u.Host))
	if !ok || !plainHost {
		return nil
	}
	return u
}

// checkURL parses an absolute URL that secrets or codes may be sent to.
func (m *mistakes) checkURL(field, raw string) (*url.URL, bool) {
	u, err := url.Parse(raw)
	if err != nil {
		m.add(false, field, "a URL", "something else") // there may be a password in it
		return nil, false
	}
	ok := secureURL(u) && u.User == nil && u.Fragment == "" && !strings.Contains(raw, "#")
	m.add(ok, field, "an absolute https URL (http only on localhost, 127.0.0.0/8 or [::1]) without user and fragment",
		shown(u))
	return u, ok
}

// shown quotes u without what may be secret in it: user, query and fragment.
func shown(u *url.URL) string {
	s := *u
	s.User, s.RawQuery, s.ForceQuery, s.Fragment, s.RawFragment = nil, "", false, "", ""
	more := ""
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		more = " with more than that"
	}
	return fmt.Sprintf("%q", s.String()) + more
}

func (c *Config) checkKeys(m *mistakes) {
	keys := append([][]byte{c.Key}, c.OldKeys...)
	for i, key := range keys {
		field := "Key"
		if i > 0 {
			field = fmt.Sprintf("OldKeys[%d]", i-1)
		}
		m.add(len(key) >= minKey, field, "at least 32 random bytes (openssl rand -base64 32)", fmt.Sprintf("%d bytes", len(key)))
		if len(key) < minKey {
			continue
		}
		m.add(bytes.Count(key, key[:1]) < len(key), field, "random bytes", "one byte repeated")
		for _, other := range keys[:i] {
			m.add(!bytes.Equal(key, other), field, "a key of its own", "one that is listed before")
		}
	}
}

// check reports the mistakes in p. at names a field of it.
func (p *Provider) check(m *mistakes, at func(string) string) {
	reserved := slices.Contains([]string{"login", "callback", "logout", "connect"}, p.Name)
	m.add(regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`).MatchString(p.Name) && !reserved, at("Name"),
		"1 to 32 of a-z, 0-9, - and _, and none of login, callback, logout, connect", fmt.Sprintf("%q", p.Name))
	trimmed := strings.TrimSpace(p.ClientID)
	m.add(trimmed != "" && trimmed == p.ClientID, at("ClientID"),
		"the client ID that the provider gave, without white space around it", fmt.Sprintf("%q", p.ClientID))
	switch {
	case p.Public:
		m.add(p.ClientSecret == "", at("ClientSecret"), "none, because Public is set", "one")
	default:
		m.add(p.ClientSecret != "", at("ClientSecret"), "the secret that the provider gave (or Public)", "none")
		m.add(strings.TrimSpace(p.ClientSecret) == p.ClientSecret, at("ClientSecret"), "no white space around it", "some")
	}
	switch joined := p.Err.(type) {
	case nil:
		m.add(p.Identify != nil, at("Identify"), "a function", "nil")
	case interface{ Unwrap() []error }:
		for _, err := range joined.Unwrap() {
			*m = append(*m, fmt.Errorf("login: Config.%s%w", at(""), err))
		}
	default:
		*m = append(*m, fmt.Errorf("login: Config.%s%w", at(""), p.Err))
	}
	p.checkEndpoint(m, at)
	p.checkRequest(m, at)
	for i, api := range p.API {
		if u, ok := m.checkURL(fmt.Sprintf("%s[%d]", at("API"), i), api); ok {
			m.add(u.RawQuery == "", fmt.Sprintf("%s[%d]", at("API"), i), "no query", shown(u))
		}
	}
}

func (p *Provider) checkEndpoint(m *mistakes, at func(string) string) {
	if p.Issuer != "" || p.Discover != nil {
		if u, ok := m.checkURL(at("Issuer"), p.Issuer); ok {
			m.add(u.RawQuery == "", at("Issuer"), "no query", shown(u))
			m.add(!strings.Contains(u.Path, "/.well-known/"), at("Issuer"), "the issuer, without /.well-known/ and what follows",
				fmt.Sprintf("%q", p.Issuer))
		}
	}
	m.add(!p.RequireIss || p.Issuer != "", at("RequireIss"), "an Issuer to compare with", "none")
	discovered := p.Discover != nil // what is empty here
	if p.Endpoint.AuthURL != "" || !discovered {
		if u, ok := m.checkURL(at("Endpoint.AuthURL"), p.Endpoint.AuthURL); ok {
			for _, key := range strings.Fields(ownParams) {
				m.add(!u.Query().Has(key), at("Endpoint.AuthURL"), "a query without what a login sets itself", key)
			}
		}
	}
	if p.Endpoint.TokenURL != "" || !discovered {
		m.checkURL(at("Endpoint.TokenURL"), p.Endpoint.TokenURL)
	}
	switch style := p.Endpoint.AuthStyle; style {
	case oauth2.AuthStyleInParams, oauth2.AuthStyleInHeader:
	case oauth2.AuthStyleAutoDetect:
		m.add(p.Public || discovered, at("Endpoint.AuthStyle"),
			"AuthStyleInParams or AuthStyleInHeader (auto-detection sends a single-use code twice)", "AuthStyleAutoDetect")
	default:
		m.add(false, at("Endpoint.AuthStyle"), "AuthStyleInParams or AuthStyleInHeader", int(style))
	}
}

// ownParams are the authorization parameters that a login sets itself, and those
// that would replace them.
const ownParams = "response_type client_id redirect_uri state nonce scope code_challenge code_challenge_method request request_uri"

func (p *Provider) checkRequest(m *mistakes, at func(string) string) {
	for _, s := range p.Scopes {
		m.add(validScope(s), at("Scopes"), "scopes as in RFC 6749 section 3.3, one each", fmt.Sprintf("%q", s))
	}
	m.add(slices.Contains([]string{"", " ", ",", "+"}, p.ScopeSeparator), at("ScopeSeparator"),
		"a space, a comma or a plus sign", fmt.Sprintf("%q", p.ScopeSeparator))
	for _, key := range strings.Fields(ownParams) {
		m.add(!p.Params.Has(key), at("Params"), "none that a login sets itself", key)
	}
	if p.Params.Has("response_mode") {
		mode := p.Params.Get("response_mode")
		m.add(mode == "query" || mode == "form_post", at("Params"), "a response_mode of query or form_post",
			fmt.Sprintf("%q", mode))
	}
}

func validScope(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
