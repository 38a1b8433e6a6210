package hostile

import (
	"net/url"
	"strings"
	"time"

	"github.com/doorlatch/login"
)

// hang returns after half a minute, whatever anybody says.
func hang() error {
	time.Sleep(30 * time.Second)
	return nil
}

// EndSession answers a request for the end of the session at the provider (OpenID
// Connect RP-Initiated Logout 1.0), as the person confirms it.
func (p *Provider) EndSession(q url.Values) *Redirect {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.called("end", q)
	l := p.byHint[q.Get("id_token_hint")]
	back := &Redirect{To: p.PostLogoutURI, Params: url.Values{"state": q["state"]}, Login: l}
	switch {
	case l == nil:
		back.Login = new(Login)
		p.problem("end: id_token_hint is none of ours")
	case q.Get("client_id") != ClientID:
		p.problem("end: client_id is wrong")
	case q.Get("post_logout_redirect_uri") != p.PostLogoutURI:
		p.problem("end: post_logout_redirect_uri is not the one that is registered")
	case len(q["state"]) != 1 || len(q.Get("state")) < 22:
		p.problem("end: state is missing or short")
	}
	if p.faults.EndSession != nil {
		p.faults.EndSession(back)
	}
	return back
}

// leadsTo replaces what the provider's package makes of the endpoint.
func leadsTo(to string) func(*login.Provider) {
	return func(p *login.Provider) {
		p.EndSession = func(_ *login.Grant, _, state string) string { return to + state }
	}
}

// returned sets the state of the return to some values.
func returned(state ...string) Faults { return Faults{EndSession: param("state", state...)} }

// changed changes the state of the return.
func changed(change func(string) string) Faults {
	return Faults{EndSession: func(r *Redirect) { r.Params.Set("state", change(r.Params.Get("state"))) }}
}

// endSession misbehaves when somebody logs out who is to be logged out at the
// provider as well: in what the browser is sent to, and in what it comes back with.
// To accept is that it comes to the provider, and back to where it wanted to go.
func endSession() []Switch {
	table := []Switch{
		{Name: "to plain http", Rules: "I2 F3", Check: "https to end sessions", Adapt: leadsTo("http://id.example/end?state=")},
		{Name: "to a script", Rules: "I2 F3", Check: "https to end sessions", Adapt: leadsTo("javascript:alert(1)//")},
		{Name: "to a path", Rules: "I2 F3", Check: "https to end sessions", Adapt: leadsTo("/" + "/thief.example/end?state=")},
		{Name: "to a user with a password", Rules: "I2 F3", Check: "https to end sessions", Adapt: leadsTo("https://user:password@id.example/end?state=")},
		{Name: "to what is no URL", Rules: "I2 F3", Adapt: leadsTo("https://id.example:port/\r\nX-Evil: header?state=")},
		{Name: "a function that panics", Rules: "I2", Adapt: func(p *login.Provider) {
			p.EndSession = func(*login.Grant, string, string) string { panic("at once") }
		}},
		{Name: "a function that does not return", Rules: "I2", Check: "deadline of logouts", Adapt: func(p *login.Provider) {
			p.EndSession = func(*login.Grant, string, string) string { hang(); return "" }
		}},

		{Name: "good", Rules: "I2", Check: "sessions are ended at the provider", Accept: true},
		{Name: "at another host", Rules: "I2", Accept: true, After: aDay, Faults: Faults{Discovery: member("end_session_endpoint", "https://accounts.example/end?tenant=a")}},
		{Name: "an endpoint with parameters of ours", Rules: "I2", Check: "parameters of our own to end sessions", Accept: true, After: aDay, Faults: Faults{
			Discovery: member("end_session_endpoint", Issuer+"/end?state=fixed&post_logout_redirect_uri="+thief),
		}},
		{Name: "revocation does not answer", Rules: "I2 I10", Check: "deadline of logouts", Accept: true, Faults: Faults{Revocation: stall}},
	}
	return group("end-session", table)
}

// comingBack misbehaves in the return from the end of the session. It ends on a
// page of the site.
func comingBack() []Switch {
	table := []Switch{
		{Name: "state missing", Rules: "I3", Faults: returned()},
		{Name: "state empty", Rules: "I3", Faults: returned("")},
		{Name: "state of nobody", Rules: "I3", Check: "state of logouts", Faults: returned(strings.Repeat("Z", 43))},
		{Name: "state a URL", Rules: "I3", Check: "state of logouts", Faults: returned(thief + "/")},
		{Name: "state a URL without a scheme", Rules: "I3", Check: "state of logouts", Faults: returned("//" + ThiefHost)},
		{Name: "state a path", Rules: "I3", Check: "state of logouts", Faults: returned("/private")},
		{Name: "state with another last character", Rules: "I3", Check: "state of logouts", Faults: changed(otherLast)},
		{Name: "state cut short", Rules: "I3", Check: "state of logouts", Faults: changed(func(s string) string { return s[:len(s)-8] })},
		{Name: "state in other case", Rules: "I3", Check: "state of logouts", Faults: changed(strings.ToLower)},
		{Name: "state of 8 KB", Rules: "I3 B12", Faults: changed(func(s string) string { return strings.Repeat(s[:1], 8<<10) })},
		{Name: "eleven minutes later", Rules: "I3 H3", Check: "age of logouts", Faults: Faults{EndSession: func(r *Redirect) { r.Wait = 11 * time.Minute }}},
		{Name: "state of a login", Rules: "I3", Check: "state of logouts", Faults: Faults{EndSession: func(r *Redirect) { r.Params.Set("state", r.Login.State) }}},
		{Name: "an error in words", Rules: "I3 T43", Faults: Faults{EndSession: func(r *Redirect) {
			r.Params = url.Values{"error": {"access_denied"}, "error_description": {Canary}, "next": {thief}}
		}}},

		{Name: "good", Rules: "I3", Check: "state of logouts is read", Accept: true},
		{Name: "good, to a page of its own", Rules: "I3", Accept: true, Ask: "/bye?a=b"},
		{Name: "to the thief's page", Rules: "I3 H5", Accept: true, Ask: "//" + ThiefHost + "/"},
		{Name: "to the thief's page, with a backslash", Rules: "I3 H5", Accept: true, Ask: `/\` + ThiefHost + "/"},
		{Name: "to a page that the thief's URL is", Rules: "I3 H5", Accept: true, Ask: thief + "/"},
		{Name: "with parameters that nobody knows", Rules: "I3", Accept: true, Faults: Faults{EndSession: param("next", thief)}},
	}
	return group("return", table)
}
