package hostile_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/doorlatch/login/internal/hostile"
)

const (
	appHost = "app.example"
	app     = "https://" + appHost
)

// A browser keeps cookies for one site. It does not let go of them when their
// time is over: whoever steals them would not either.
type browser struct {
	client   *http.Client
	provider *hostile.Provider
	mu       *sync.Mutex
	cookies  map[string]string
	seen     []string // values of cookies that it ever had
}

func newBrowser(n *hostile.Network, p *hostile.Provider) *browser {
	return &browser{
		client: &http.Client{
			Transport:     n.Transport(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		provider: p, mu: new(sync.Mutex),
		cookies: map[string]string{},
	}
}

// A page is an answer that the browser got.
type page struct {
	status   int
	location string
	text     string // header and body
	body     string
}

// open sends a request to the application, as a person would by a click. A POST
// without a header has a form, which is the query of target.
func (b *browser) open(method, target string, header http.Header) page {
	var form io.Reader
	if method == http.MethodPost && header == nil {
		var query string
		target, query, _ = strings.Cut(target, "?")
		form = strings.NewReader(query)
		header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	}
	r, err := http.NewRequest(method, target, form)
	if err != nil {
		return page{text: err.Error()}
	}
	r.Header.Set("Accept", "text/html")
	for name, values := range header {
		r.Header[name] = values
	}
	b.mu.Lock()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.mu.Unlock()
	resp, err := b.client.Do(r)
	if err != nil {
		return page{text: err.Error()}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
		b.seen = append(b.seen, c.Value)
	}
	var text strings.Builder
	header = resp.Header.Clone()
	header.Del("Set-Cookie")
	header.Write(&text)
	return page{resp.StatusCode, resp.Header.Get("Location"), text.String() + string(body), string(body)}
}

// begin starts a login and returns the request for authorization.
func (b *browser) begin() (page, url.Values) {
	answer := b.open(http.MethodGet, app+"/login/op?next=/private", nil)
	u, err := url.Parse(answer.location)
	if err != nil || !strings.HasPrefix(answer.location, hostile.Issuer+"/authorize?") {
		return answer, nil
	}
	return answer, u.Query()
}

// has reports whether there is a cookie whose name holds part.
func (b *browser) has(part string) bool {
	return slices.ContainsFunc(b.names(), func(name string) bool { return strings.Contains(name, part) })
}

func (b *browser) names() []string {
	var names []string
	for name := range b.cookies {
		names = append(names, name)
	}
	return names
}

// copy returns a second browser with the same cookies.
func (b *browser) copy() *browser {
	c := *b
	c.mu, c.cookies = new(sync.Mutex), map[string]string{}
	for name, value := range b.cookies {
		c.cookies[name] = value
	}
	return &c
}
