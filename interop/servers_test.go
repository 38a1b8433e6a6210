package interop_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	clientID     = "interop-client"
	clientSecret = "interop-secret-of-more-than-thirty-two-bytes"
)

// An example is the example application at work.
type example struct {
	*process
	addr, url string
}

// newExample reserves an address for the application, which its providers must
// know before it starts.
func newExample(t *testing.T) *example {
	addr := freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	// The provider is at 127.0.0.1. Cookies know no ports, so the application
	// needs another host, which makes the way back from the provider cross-site.
	return &example{addr: addr, url: "http://localhost:" + port}
}

// newExampleBehindTLS is newExample with a proxy in front that ends TLS, as in
// production. Only browsers started with trusted take its certificate for good.
func newExampleBehindTLS(t *testing.T) (e *example, trusted chromedp.ExecAllocatorOption) {
	t.Helper()
	addr := freeAddr(t)
	proxy := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr}))
	t.Cleanup(proxy.Close)
	_, port, err := net.SplitHostPort(proxy.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	key := sha256.Sum256(proxy.Certificate().RawSubjectPublicKeyInfo)
	return &example{addr: addr, url: "https://localhost:" + port},
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:]))
}

func (e *example) start(t *testing.T, env ...string) {
	t.Helper()
	file, err := buildExample()
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 32)
	rand.Read(key)
	e.process = start(t, func(line string) bool { return strings.HasPrefix(line, "Open ") }, append([]string{
		"ADDR=" + e.addr, "BASE_URL=" + e.url, "SESSION_KEYS=" + base64.StdEncoding.EncodeToString(key),
	}, env...), file)
}

// An openIDProvider is npm's oidc-provider at work.
type openIDProvider struct {
	*process
	issuer string
}

// startProvider starts the provider for an application at url. env may hold what
// oidc/server.mjs lists.
func startProvider(t *testing.T, url string, env ...string) *openIDProvider {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("node is missing, install it with\n\tapt-get install nodejs npm\n%v", err)
	}
	if _, err := os.Stat("oidc/node_modules/oidc-provider"); err != nil {
		t.Fatalf("oidc-provider is missing, install it with\n\tnpm ci --prefix interop/oidc\n%v", err)
	}
	p := &openIDProvider{}
	up := func(line string) bool {
		var ready struct{ Issuer string }
		if json.Unmarshal([]byte(line), &ready) != nil || ready.Issuer == "" {
			return false
		}
		p.issuer = ready.Issuer
		return true
	}
	p.process = start(t, up, append([]string{
		"CLIENT_ID=" + clientID, "CLIENT_SECRET=" + clientSecret,
		"REDIRECT_URIS=" + url + "/callback/oidc", "LOGOUT_URIS=" + url + "/",
	}, env...), node, "oidc/server.mjs")
	return p
}

// env configures the example to log in at p.
func (p *openIDProvider) env() []string {
	return []string{
		"OIDC_ISSUER=" + p.issuer, "OIDC_CLIENT_ID=" + clientID, "OIDC_CLIENT_SECRET=" + clientSecret,
		"OIDC_LABEL=Example ID",
	}
}

// startBoth starts a provider, and the example that logs in there.
func startBoth(t *testing.T, env ...string) (*example, *openIDProvider) {
	t.Helper()
	e := newExample(t)
	p := startProvider(t, e.url, env...)
	e.start(t, p.env()...)
	return e, p
}
