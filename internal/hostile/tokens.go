package hostile

import (
	"crypto/sha256"
	"net/http"
)

func (p *Provider) token(r *http.Request) *Answer {
	l := p.redeem(r)
	l.Refresh = p.newSecret("refresh")
	a := p.tokens(l, p.newIDToken(l), p.faults.IDToken, p.faults.Token)
	p.byFresh[l.Refresh] = l
	return a
}

// tokens answers with those of l, and an ID token, each with a fault.
func (p *Provider) tokens(l *Login, t *IDToken, inIDToken func(*IDToken), inAnswer func(*Answer)) *Answer {
	a := newAnswer(p, Object{
		"access_token": l.Token, "token_type": "Bearer", "expires_in": 3600, "refresh_token": l.Refresh,
	})
	a.Login = l
	if l.OpenID {
		if inIDToken != nil {
			inIDToken(t)
		}
		signed := p.secret(t.sign())
		a.Object["id_token"], p.byHint[signed] = signed, l
	}
	if inAnswer != nil {
		inAnswer(a)
	}
	if l.Accepted != "" {
		p.byToken[p.secret(l.Accepted)] = l
	}
	return a
}

// redeem returns the login that a request for a token belongs to.
func (p *Provider) redeem(r *http.Request) *Login {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		p.problem("token: not a POST of a form")
	}
	l := p.byCode[r.PostForm.Get("code")]
	if l == nil {
		p.problem("token: no such code")
		return &Login{Claims: Object{}}
	}
	if l.Posts++; l.Posts > 1 {
		p.problem("token: %d requests with one code", l.Posts)
	}
	p.authenticate("token", r)
	verifier := p.secret(r.PostForm.Get("code_verifier"))
	sum := sha256.Sum256([]byte(verifier))
	switch {
	case r.PostForm.Get("grant_type") != "authorization_code":
		p.problem("token: wrong grant_type")
	case r.PostForm.Get("redirect_uri") != p.RedirectURI:
		p.problem("token: redirect_uri is not that of the authorization request")
	case !p.Lenient && b64(sum[:]) != l.Challenge:
		p.problem("token: code_verifier does not fit the challenge")
	}
	return l
}

// authenticate wants the client's secret, in one place.
func (p *Provider) authenticate(step string, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if id != ClientID || secret != ClientSecret || basic && r.PostForm.Has("client_secret") {
		p.problem("%s: the client is not authenticated in one way", step)
	}
}

// refresh gives out new tokens for a refresh token (RFC 6749 section 6), which is
// good for one use: a second one may be a thief's, and ends all that the login
// began (RFC 9700 section 4.14.2).
func (p *Provider) refresh(r *http.Request) *Answer {
	p.authenticate("refresh", r)
	sent := r.PostForm.Get("refresh_token")
	l := p.byFresh[sent]
	switch {
	case l == nil:
		p.problem("refresh: no such refresh token")
	case l.Ended:
		p.problem("refresh: what was ended")
	case sent != l.Refresh:
		p.problem("refresh: a refresh token is used twice")
		l.Ended = true
	}
	if l == nil || l.Ended {
		a := newAnswer(p, nil)
		oauth2Error(http.StatusBadRequest, "invalid_grant")(a)
		return a
	}
	before := *l
	l.Token, l.Refresh, l.Accepted = p.newSecret("access"), p.newSecret("refresh"), ""
	p.byToken[l.Token] = l
	t := p.newIDToken(l)
	t.Claims = t.Claims.With(Object{"nonce": nil}) // OpenID Connect Core section 12.2
	a := p.tokens(l, t, p.faults.RefreshedIDToken, func(a *Answer) {
		if a.Before = before; p.faults.Refresh != nil {
			p.faults.Refresh(a)
		}
	})
	given, _ := a.Object["refresh_token"].(string)
	switch {
	case a.Unspent:
		l.Token, l.Refresh = before.Token, before.Refresh
	case given == "":
		l.Refresh = before.Refresh
	default:
		l.Refresh = given
		p.byFresh[given] = l
	}
	return a
}

// api says whose token a request bears, if it is the latest of a login.
func (p *Provider) api(r *http.Request) *Answer {
	token, _ := bearer(r)
	l := p.byToken[token]
	if l == nil || l.Ended || token != l.Token && token != l.Accepted {
		a := newAnswer(p, Object{"error": "invalid_token", "error_description": Canary})
		a.Status = http.StatusUnauthorized
		return a
	}
	a := newAnswer(p, Object{"sub": l.Claims["sub"]})
	a.Login, a.Path = l, r.URL.Path
	if p.faults.API != nil {
		p.faults.API(a)
	}
	return a
}

// Ended reports whether the provider has ended what l began.
func (p *Provider) Ended(l *Login) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return l.Ended
}

// Holder returns the login that an access token was given out for, nil if none.
func (p *Provider) Holder(token string) *Login {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byToken[token]
}
