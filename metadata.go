package login

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

const (
	metadataLifetime = 24 * time.Hour
	firstBackoff     = time.Second
	maxBackoff       = time.Minute
)

// A provider is a Provider as an Auth uses it: completed, with what was
// discovered about it.
type provider struct {
	Provider
	base *http.Client // Provider.Client or Config.Client
	now  func() time.Time

	fetching sync.Mutex // held while Discover runs

	mu      sync.Mutex
	md      *Metadata
	fetched time.Time
	err     error
	retry   time.Time // not before
	backoff time.Duration
}

// redirectURL is where the provider sends browsers back to.
func (p *Provider) redirectURL(base string) string {
	if p.RedirectURL != "" {
		return p.RedirectURL
	}
	return strings.TrimSuffix(base, "/") + "/callback/" + p.Name
}

// newProvider completes a copy of Providers[i].
func (c *Config) newProvider(i int) *provider {
	p := &provider{Provider: c.Providers[i].clone(), now: time.Now}
	if client := cmp.Or(p.Client, c.Client); client != nil {
		copied := *client
		copied.Transport = withHandshakeTimeout(client.Transport)
		p.base = &copied
	}
	if p.Label == "" {
		p.Label = p.Name
	}
	p.RedirectURL = p.redirectURL(c.URL)
	return p
}

// clone returns a copy of p that shares nothing that can be changed.
func (p Provider) clone() Provider {
	p.Scopes = slices.Clone(p.Scopes)
	p.API = slices.Clone(p.API)
	p.Params = maps.Clone(p.Params)
	for key, values := range p.Params {
		p.Params[key] = slices.Clone(values)
	}
	return p
}

// metadata returns what is known about p. What Discover finds is kept for a day,
// and then used for as long as the provider does not answer. A failure is kept
// for a second, then two, up to a minute, so that a provider that is down is not
// asked by every visitor.
func (p *provider) metadata(ctx context.Context) (*Metadata, error) {
	if p.Discover == nil {
		return p.complete(Metadata{}), nil
	}
	if md, err, fresh := p.known(); fresh {
		return md, err
	} else if md == nil {
		p.fetching.Lock()
	} else if !p.fetching.TryLock() {
		return md, nil // somebody is at it, and this will do
	}
	defer p.fetching.Unlock()
	if md, err, fresh := p.known(); fresh {
		return md, err
	}
	p.fetch(ctx)
	md, err, _ := p.known()
	return md, err
}

// known returns what the last fetch found: metadata, an error or nothing, and
// whether that still holds.
func (p *provider) known() (md *Metadata, err error, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	waiting := p.err != nil && now.Before(p.retry)
	if p.md != nil {
		return p.md, nil, waiting || now.Sub(p.fetched) < metadataLifetime
	}
	return nil, p.err, waiting
}

// fetch calls Discover. It goes on when the visitor who caused it leaves: others
// are waiting.
func (p *provider) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)
	defer cancel()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, newClient(p.base, &p.Provider, ""))
	md, err := p.Discover(ctx, p.Provider)
	found := p.complete(md)
	if err == nil {
		err = p.acceptable(found)
	}
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err = err; err == nil {
		p.md, p.fetched, p.backoff = found, now, 0
		return
	}
	p.backoff = min(max(2*p.backoff, firstBackoff), maxBackoff)
	p.retry = now.Add(p.backoff)
}

// acceptable reports what is wrong with md. The issuer is the name that the
// provider goes by (RFC 8414 section 3.3), and browsers and codes are sent only
// where [New] would let them be sent.
func (p *provider) acceptable(md *Metadata) error {
	if md.Issuer != p.Issuer {
		return errors.New("discovery found another issuer")
	}
	for _, raw := range []string{md.Endpoint.AuthURL, md.Endpoint.TokenURL} {
		u, err := url.Parse(raw)
		if err != nil || !secureURL(u) || u.User != nil || strings.Contains(raw, "#") {
			return errors.New("discovery found an endpoint that is not an absolute https URL")
		}
		if slices.ContainsFunc(strings.Fields(ownParams), u.Query().Has) {
			return errors.New("discovery found an endpoint with a parameter that a login sets itself")
		}
	}
	return nil
}

// complete fills what md leaves open with what p says.
func (p *provider) complete(md Metadata) *Metadata {
	if md.Endpoint.AuthURL == "" {
		md.Endpoint.AuthURL = p.Endpoint.AuthURL
	}
	if md.Endpoint.TokenURL == "" {
		md.Endpoint.TokenURL = p.Endpoint.TokenURL
	}
	if p.Endpoint.AuthStyle != oauth2.AuthStyleAutoDetect {
		md.Endpoint.AuthStyle = p.Endpoint.AuthStyle
	}
	if p.Public || md.Endpoint.AuthStyle == oauth2.AuthStyleAutoDetect {
		md.Endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client sends its ID only (RFC 6749 section 3.2.1)
	}
	if md.Issuer == "" {
		md.Issuer = p.Issuer
	}
	md.RequireIss = md.RequireIss || p.RequireIss
	return &md
}
