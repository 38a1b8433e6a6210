package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	// logoutTimeout bounds what a logout waits for others: the provider, other
	// replicas.
	logoutTimeout = 2 * time.Second

	// maxHint is how long an ID token may be to go into a URL. Without it the
	// provider asks the person whether they mean it.
	maxHint = 6 << 10

	logoutStateName = "logout" // that the state of a logout is sealed under
)

// leave does at the provider what Config asks for when s, of r, has ended. It
// returns where to send the browser to end the provider's session, "" if nowhere,
// after two seconds at the latest.
func (a *Auth) leave(r *http.Request, s *session, next string) string {
	if !a.config.RevokeTokens && !a.config.EndSession {
		return ""
	}
	t, err := a.token(r, s)
	if err == nil {
		t = a.renewals.latest(t)
	}
	location := make(chan string, 1)
	within(r.Context(), func(ctx context.Context) {
		p := a.providers[s.user.Provider]
		if a.config.EndSession {
			u, err := a.endSessionURL(ctx, p, &s.user, t, next)
			if err != nil {
				a.warnLogout(ctx, &s.user, t, err)
			}
			location <- u
		}
		if a.config.RevokeTokens && t.AccessToken != "" {
			a.giveBack(ctx, p, &s.user, t)
		}
	})
	select {
	case u := <-location:
		return u
	default:
		return ""
	}
}

// within calls f and returns when it has, or after two seconds. The context of f
// ends then; it does not end with that of the caller, who may leave.
func within(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout)
	go func() {
		defer cancel()
		f(ctx)
	}()
	<-ctx.Done()
}

// warnLogout logs that something could not be done at the provider of u, who had t.
func (a *Auth) warnLogout(ctx context.Context, u *User, t tokenRecord, err error) {
	f := &failure{provider: a.providers[u.Provider], secrets: []string{t.AccessToken, t.RefreshToken, t.idToken}}
	a.logger().WarnContext(ctx, "login: not everything could be ended at the provider", "provider", u.Provider, "user", u.ID,
		"reason", "provider_logout_failed", "error", f.scrub(withoutURL(err).Error()))
}

// giveBack makes p forget the token t of u.
func (a *Auth) giveBack(ctx context.Context, p *provider, u *User, t tokenRecord) {
	err := guard(func() error {
		acting, g, err := p.acting(ctx, u, t)
		if err != nil {
			return err
		}
		return revoke(acting, g)
	})
	if err != nil {
		a.warnLogout(ctx, u, t, err)
	}
}

// guard calls f, which calls a function of a Provider: that it panics must not end
// the program.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a function of the provider panicked: %v", r)
		}
	}()
	return f()
}

// revoke makes the provider forget the token of g, if it can.
func revoke(ctx context.Context, g *Grant) error {
	switch {
	case g.Provider.Revoke != nil:
		return g.Provider.Revoke(ctx, g)
	case g.Metadata.RevocationURL == "":
		return nil
	}
	// RFC 7009 section 2.1: with a refresh token most providers end what was made
	// from it, too. With an access token that is its own proof, some can do nothing.
	var errs []error
	if t := g.Token.RefreshToken; t != "" {
		errs = append(errs, revokeToken(ctx, g, "refresh_token", t))
	}
	err := revokeToken(ctx, g, "access_token", g.Token.AccessToken)
	if len(errs) == 0 || !errors.Is(err, errUnsupportedToken) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

var errUnsupportedToken = errors.New("the provider cannot revoke this type of token")

// revokeToken is a request of RFC 7009 section 2.1.
func revokeToken(ctx context.Context, g *Grant, hint, token string) error {
	form := url.Values{"token": {token}, "token_type_hint": {hint}}
	p, inHeader := &g.Provider, g.Metadata.Endpoint.AuthStyle == oauth2.AuthStyleInHeader
	if !inHeader {
		form.Set("client_id", p.ClientID)
		if p.ClientSecret != "" {
			form.Set("client_secret", p.ClientSecret)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.Metadata.RevocationURL, strings.NewReader(form.Encode()))
	if err != nil {
		return withoutURL(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if inHeader {
		r.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(p.ClientSecret)) // RFC 6749 section 2.3.1
	}
	c, _ := ctx.Value(oauth2.HTTPClient).(*http.Client)
	resp, err := c.Do(r)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusBadRequest && strings.Contains(string(body), "unsupported_token_type"):
		return errUnsupportedToken
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("revoking the %s: want status 200, have %d", hint, resp.StatusCode)
	}
	return nil
}

// endSessionURL is where the browser of u, who had t, ends the session at p, and
// comes back from to next; "" if there is no such place.
func (a *Auth) endSessionURL(ctx context.Context, p *provider, u *User, t tokenRecord, next string) (string, error) {
	var location string
	err := guard(func() error {
		_, g, failed := p.acting(ctx, u, t)
		if failed != nil {
			return failed
		}
		find := p.EndSession
		if find == nil {
			find = endSession
		}
		state, failed := a.logouts.seal(logoutStateName, newRecord(purposeLogout).str(next).int(a.now().Unix()))
		if failed != nil {
			return failed
		}
		location = find(g, a.config.URL+"/logout", state)
		return nil
	})
	if err != nil || location == "" {
		return "", err
	}
	if parsed, failed := url.Parse(location); failed != nil || !secureURL(parsed) || parsed.User != nil {
		return "", errors.New("want an absolute https URL to end the session at")
	}
	return location, nil
}

// endSession is OpenID Connect RP-Initiated Logout 1.0 section 2.
func endSession(g *Grant, returnTo, state string) string {
	u, err := url.Parse(g.Metadata.EndSessionURL)
	if err != nil || g.Metadata.EndSessionURL == "" {
		return ""
	}
	q := u.Query()
	if 0 < len(g.IDToken) && len(g.IDToken) <= maxHint {
		q.Set("id_token_hint", g.IDToken)
	}
	q.Set("client_id", g.Provider.ClientID)
	q.Set("post_logout_redirect_uri", returnTo)
	q.Set("state", state)
	u.RawQuery = q.Encode()
	return u.String()
}

// returned reports whether a browser that comes with state comes back from the
// provider's end-session endpoint, and where it wants to go. Nobody else can make
// such a state, but one that is missing or wrong is no reason to complain: the
// session has ended already.
func (a *Auth) returned(state string) (next string, ok bool) {
	if len(state) > maxSetCookie {
		return "", false
	}
	b, ok := a.logouts.open(logoutStateName, state)
	if !ok {
		return "", false
	}
	rec := readRecord(b, purposeLogout)
	next, began := rec.str(), time.Unix(rec.int(), 0)
	if age := a.now().Sub(began); !rec.ok() || age > flowLifetime || age < -clockSkew {
		return "", false
	}
	return a.localPath(next)
}
