package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/generic"
	"github.com/doorlatch/login/github"
)

// FromEnv reads a Config from environment variables; getenv is [os.Getenv] or
// like it. A variable that is empty counts as not set.
//
//	ADDR                    where to listen; default 127.0.0.1:8080
//	BASE_URL                where browsers see the application; default
//	                        http://localhost: and the port of ADDR. It may be
//	                        https with a proxy in front that ends TLS.
//	SESSION_KEYS            base64 of 32 random bytes or more, separated by
//	                        commas: the first seals, the others only open what
//	                        they sealed before. Default: a random key
//	GITHUB_CLIENT_ID        )
//	GITHUB_CLIENT_SECRET    ) of an app at GitHub
//	GITHUB_URL              an Enterprise Server; default https://github.com
//	FACEBOOK_CLIENT_ID      )
//	FACEBOOK_CLIENT_SECRET  ) of an app at Facebook
//	FACEBOOK_DIALOG_URL     )
//	FACEBOOK_GRAPH_URL      ) a stand-in for Facebook
//	OIDC_ISSUER             issuer identifier of an OpenID Connect provider
//	OIDC_CLIENT_ID          )
//	OIDC_CLIENT_SECRET      ) of a client there
//	OIDC_SCOPES             separated by spaces or commas; default openid profile email
//	OIDC_LABEL              on its button; default the host of OIDC_ISSUER
//	OIDC_CA_FILE            PEM file with root certificates to trust for it, too
//
// Callback URLs to register are BASE_URL followed by /callback/github,
// /callback/facebook and /callback/oidc. Without any provider, [Run] starts
// stand-ins.
//
// The error names every variable that is wrong or missing, and no secret.
func FromEnv(getenv func(string) string) (Config, error) {
	e := &env{getenv: getenv}
	c := Config{Addr: "127.0.0.1:8080"}
	port := e.listen(&c.Addr)
	c.URL = "http://localhost:" + port
	if e.get("BASE_URL") != "" {
		c.URL = e.url("BASE_URL")
	}
	c.Key, c.OldKeys = e.keys("SESSION_KEYS")
	e.github(&c)
	e.facebook(&c)
	e.oidc(&c)
	if u, err := url.Parse(c.URL); err == nil && len(c.Providers) == 0 && !loopback(u.Hostname()) {
		e.wrong("GITHUB_CLIENT_ID, FACEBOOK_CLIENT_ID or OIDC_ISSUER", "one of them is needed, "+
			"because BASE_URL is not on localhost, where stand-ins would do")
	}
	return c, errors.Join(e.mistakes...)
}

type env struct {
	getenv   func(string) string
	mistakes []error
}

// get returns a variable without white space around it, which files and shells
// leave there.
func (e *env) get(name string) string { return strings.TrimSpace(e.getenv(name)) }

func (e *env) wrong(name, format string, args ...any) {
	e.mistakes = append(e.mistakes, fmt.Errorf("%s: "+format, append([]any{name}, args...)...))
}

// listen reads ADDR into addr and returns its port.
func (e *env) listen(addr *string) string {
	if v := e.get("ADDR"); v != "" {
		*addr = v
	}
	_, port, err := net.SplitHostPort(*addr)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
		e.wrong("ADDR", "want a host and a port, such as 127.0.0.1:8080, have %q", *addr)
	}
	return port
}

// url returns a variable that codes and secrets may be sent to.
func (e *env) url(name string) string {
	raw := e.get(name)
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(raw, "?#") ||
		u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		e.wrong(name, "want an https URL (http only on localhost) without user, query and fragment")
	}
	return raw
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (e *env) keys(name string) (key []byte, old [][]byte) {
	if e.get(name) == "" {
		return nil, nil
	}
	var keys [][]byte
	for i, text := range strings.Split(e.get(name), ",") {
		key, err := decode(strings.TrimSpace(text))
		switch {
		case err != nil:
			e.wrong(name, "key %d: want base64, have something else", i+1)
		case len(key) < 32:
			e.wrong(name, "key %d: want at least 32 bytes in base64 (openssl rand -base64 32), have %d", i+1, len(key))
		}
		keys = append(keys, key)
	}
	return keys[0], keys[1:]
}

// decode reads base64 of either alphabet, with padding or without.
func decode(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

// used reports whether a provider is configured: any of its variables is set.
// Then all of required must be.
func (e *env) used(required []string, optional ...string) bool {
	first := ""
	for _, name := range append(required, optional...) {
		if first == "" && e.get(name) != "" {
			first = name
		}
	}
	if first == "" {
		return false
	}
	for _, name := range required {
		if e.get(name) == "" {
			e.wrong(name, "want a value, because %s is set", first)
		}
	}
	return true
}

func (e *env) github(c *Config) {
	if !e.used([]string{"GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"}, "GITHUB_URL") {
		return
	}
	c.Providers = append(c.Providers, github.Config{
		ClientID:     e.get("GITHUB_CLIENT_ID"),
		ClientSecret: e.get("GITHUB_CLIENT_SECRET"),
		URL:          e.url("GITHUB_URL"),
	}.Provider())
}

func (e *env) facebook(c *Config) {
	if !e.used([]string{"FACEBOOK_CLIENT_ID", "FACEBOOK_CLIENT_SECRET"}, "FACEBOOK_DIALOG_URL", "FACEBOOK_GRAPH_URL") {
		return
	}
	c.Providers = append(c.Providers, facebook.Config{
		ClientID:     e.get("FACEBOOK_CLIENT_ID"),
		ClientSecret: e.get("FACEBOOK_CLIENT_SECRET"),
		DialogURL:    e.url("FACEBOOK_DIALOG_URL"),
		GraphURL:     e.url("FACEBOOK_GRAPH_URL"),
	}.Provider())
}

func (e *env) oidc(c *Config) {
	required := []string{"OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"}
	if !e.used(required, "OIDC_SCOPES", "OIDC_LABEL", "OIDC_CA_FILE") {
		return
	}
	p := generic.Config{
		Name:         "oidc",
		Label:        e.get("OIDC_LABEL"),
		Issuer:       e.url("OIDC_ISSUER"),
		ClientID:     e.get("OIDC_CLIENT_ID"),
		ClientSecret: e.get("OIDC_CLIENT_SECRET"),
		Scopes:       strings.Fields(strings.ReplaceAll(e.get("OIDC_SCOPES"), ",", " ")),
		Client:       e.trusting("OIDC_CA_FILE"),
	}
	if u, err := url.Parse(p.Issuer); p.Label == "" && err == nil {
		p.Label = u.Host
	}
	c.Providers = append(c.Providers, generic.OIDC(p))
}

// trusting returns a client that trusts the certificates of a file beside those
// of the system, nil if the variable is not set.
func (e *env) trusting(name string) *http.Client {
	file := e.get(name)
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		e.wrong(name, "%v", err)
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without any
	}
	if !roots.AppendCertsFromPEM(pem) {
		e.wrong(name, "want certificates in PEM form, found none in %s", file)
		return nil
	}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10e9,
	}
	return &http.Client{Transport: t}
}
