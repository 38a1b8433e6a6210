package hostile

import (
	"context"
	"errors"
	"net/http"

	"github.com/doorlatch/login"
)

// revoke forgets a token (RFC 7009). With a refresh token goes all that the login
// began.
func (p *Provider) revoke(r *http.Request) *Answer {
	p.authenticate("revoke", r)
	token, hint := r.PostForm.Get("token"), r.PostForm.Get("token_type_hint")
	a := newAnswer(p, Object{})
	switch l := p.byFresh[token]; {
	case r.Method != http.MethodPost || token == "":
		p.problem("revoke: no token in a form that is posted")
	case l != nil && hint != "refresh_token", l == nil && (p.byToken[token] == nil || hint != "access_token"):
		p.problem("revoke: no such %s", hint)
	case l != nil && l.Refresh == token:
		a.Login = l
	}
	a.Hint = hint
	if p.faults.Revocation != nil {
		p.faults.Revocation(a)
	}
	if a.Login != nil && a.Status == http.StatusOK {
		a.Login.Ended = true
	}
	return a
}

// unsupported refuses to revoke a type of token.
func unsupported(hint string) func(*Answer) {
	return func(a *Answer) {
		if a.Hint == hint {
			oauth2Error(http.StatusBadRequest, "unsupported_token_type")(a)
		}
	}
}

// revokes replaces what the provider's package does to revoke a token.
func revokes(f func(context.Context, *login.Grant) error) func(*login.Provider) {
	return func(p *login.Provider) { p.Revoke = f }
}

// revocation misbehaves when somebody logs out, and the application asks for the
// tokens to be revoked. To accept is that the provider has done it, and that nobody
// is warned.
func revocation() []Switch {
	table := []Switch{
		{Name: "does not answer", Rules: "I10 T51", Check: "deadline of logouts", Faults: Faults{Revocation: stall}},
		{Name: "never ends", Rules: "I10 T51", Check: "deadline of logouts", Faults: Faults{Revocation: drips}},
		{Name: "breaks off", Rules: "I10 T51", Faults: Faults{Revocation: cut}},
		{Name: "redirect to the thief, posting again", Rules: "I10 C5 T47", Check: "redirects", Faults: Faults{Revocation: redirect(http.StatusTemporaryRedirect, thief+"/revoke")}},
		{Name: "redirect to the thief, for good", Rules: "I10 C5 T47", Check: "redirects", Faults: Faults{Revocation: redirect(http.StatusPermanentRedirect, thief+"/revoke")}},
		{Name: "redirect to the thief", Rules: "I10 C5 T47", Check: "redirects", Faults: Faults{Revocation: redirect(http.StatusFound, thief+"/revoke")}},
		{Name: "redirect to plain http", Rules: "I10 C6 T47", Check: "redirects", Faults: Faults{Revocation: redirect(http.StatusTemporaryRedirect, "http://id.example/revoke")}},
		{Name: "with status 500", Rules: "I10 T51", Check: "status of revocations", Faults: Faults{Revocation: status(http.StatusInternalServerError)}},
		{Name: "with status 503", Rules: "I10 T51 T56", Check: "revoked sessions", Faults: Faults{Revocation: status(http.StatusServiceUnavailable)}},
		{Name: "invalid_client", Rules: "I10", Check: "status of revocations", Faults: Faults{Revocation: oauth2Error(http.StatusUnauthorized, "invalid_client")}},
		{Name: "an error that is a text", Rules: "I10 T43", Check: "status of revocations", Faults: Faults{Revocation: oauth2Error(http.StatusBadRequest, Canary)}},
		{Name: "no type of token is supported", Rules: "I10", Check: "status of revocations", Faults: Faults{Revocation: oauth2Error(http.StatusBadRequest, "unsupported_token_type")}},
		{Name: "refresh tokens are not supported", Rules: "I10", Check: "status of revocations", Faults: Faults{Revocation: unsupported("refresh_token")}},
		{Name: "too large", Rules: "I10 C8", Check: "size of answers", Faults: Faults{Revocation: huge}},
		{Name: "compressed bomb", Rules: "I10 C8", Check: "size of answers", Faults: Faults{Revocation: bomb}},
		{Name: "metadata that do not come", Rules: "I10 F4", Check: "deadline of logouts", After: aDay, Faults: Faults{Discovery: stall}},
		{Name: "a function that fails with our secrets", Rules: "I10 T43", Check: "scrubbed secrets", Adapt: revokes(func(_ context.Context, g *login.Grant) error {
			return errors.New("failed with " + g.Token.AccessToken + " and " + g.Token.RefreshToken + " and " + g.Provider.ClientSecret)
		})},
		{Name: "a function that panics", Rules: "I10", Adapt: revokes(func(context.Context, *login.Grant) error { panic("at once") })},
		{Name: "a function that does not return", Rules: "I10", Check: "deadline of logouts", Adapt: revokes(func(context.Context, *login.Grant) error { return hang() })},

		{Name: "good", Rules: "I10", Check: "tokens are revoked", Accept: true},
		{Name: "access tokens are not supported", Rules: "I10", Check: "access tokens that cannot be revoked", Accept: true, Faults: Faults{Revocation: unsupported("access_token")}},
		{Name: "a page", Rules: "I10", Accept: true, Faults: Faults{Revocation: func(a *Answer) { a.Type, a.Body = "text/html", "<h1>"+Canary+"</h1>" }}},
		{Name: "no endpoint", Rules: "I10", Accept: true, After: aDay, Faults: Faults{Discovery: member("revocation_endpoint", nil)}},
	}
	return group("revocation", table)
}
