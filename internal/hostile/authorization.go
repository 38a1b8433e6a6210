package hostile

import (
	"net/http"
	"strings"
	"time"

	"github.com/doorlatch/login"
)

// param sets a parameter of the authorization response to some values; none
// leave it out.
func param(name string, values ...string) func(*Redirect) {
	return func(r *Redirect) {
		if delete(r.Params, name); len(values) > 0 {
			r.Params[name] = values
		}
	}
}

// refusal replaces the code by an error.
func refusal(code string, more ...func(*Redirect)) func(*Redirect) {
	return func(r *Redirect) {
		delete(r.Params, "code")
		r.Params.Set("error", code)
		r.Params.Set("error_description", Canary)
		for _, f := range more {
			f(r)
		}
	}
}

// state changes the state.
func state(change func(string) string) func(*Redirect) {
	return func(r *Redirect) { r.Params.Set("state", change(r.Login.State)) }
}

// otherLast changes the last character of s.
func otherLast(s string) string {
	last := "A"
	if strings.HasSuffix(s, last) {
		last = "Q"
	}
	return s[:len(s)-1] + last
}

// OtherName is a second provider of the application, which belongs to the thief.
const OtherName = "other"

// authorization misbehaves in what the browser brings back: the provider does, or
// somebody else who made the link.
func authorization() []Switch {
	table := []Switch{
		{Name: "state missing", Rules: "B2 T1", Check: "state", Stray: true, Faults: Faults{Authorization: param("state")}},
		{Name: "state empty", Rules: "B2 T1", Check: "state", Stray: true, Faults: Faults{Authorization: param("state", "")}},
		{Name: "state of nobody", Rules: "B2 T3", Check: "state", Stray: true, Faults: Faults{Authorization: param("state", strings.Repeat("Z", 43))}},
		{Name: "state cut short", Rules: "T3", Check: "state", Stray: true, Faults: Faults{Authorization: state(func(s string) string { return s[:len(s)-1] })}},
		{Name: "state in other case", Rules: "T3", Check: "state", Stray: true, Faults: Faults{Authorization: state(strings.ToLower)}},
		{Name: "state with another last character", Rules: "B2 T3", Check: "state compare", Stray: true, Faults: Faults{Authorization: state(otherLast)}},
		{Name: "state in array form", Rules: "T1", Check: "state", Stray: true, Faults: Faults{Authorization: func(r *Redirect) {
			param("state[]", r.Login.State)(r)
			param("state")(r)
		}}},
		{Name: "state twice", Rules: "B3 T1", Check: "repeated parameters", Stray: true, Faults: Faults{Authorization: func(r *Redirect) { param("state", r.Login.State, "other")(r) }}},
		{Name: "code twice", Rules: "B3", Check: "repeated parameters", Stray: true, Faults: Faults{Authorization: func(r *Redirect) { param("code", r.Login.Code, "other")(r) }}},
		{Name: "iss twice", Rules: "B3 T11b", Check: "repeated parameters", Stray: true, Faults: Faults{Authorization: param("iss", Issuer, thief)}},
		{Name: "in the fragment", Rules: "T11 R83", Check: "state", Stray: true, Faults: Faults{Authorization: func(r *Redirect) { r.Query = "#" + r.Params.Encode() }}},
		{Name: "query that is none", Rules: "B12", Check: "well-formed query", Stray: true, Faults: Faults{Authorization: func(r *Redirect) { r.Query = "?" + r.Params.Encode() + "&x=%zz" }}},
		{Name: "query above 8 KiB", Rules: "B12 T50", Check: "size of callbacks", Stray: true, Faults: Faults{Authorization: param("x", strings.Repeat("x", 9<<10))}},
		{Name: "by POST", Rules: "B11", Check: "methods", Stray: true, Faults: Faults{Authorization: func(r *Redirect) { r.Method = http.MethodPost }}},
		{Name: "by HEAD", Rules: "B11", Check: "methods", Stray: true, Faults: Faults{Authorization: func(r *Redirect) { r.Method = http.MethodHead }}},
		{Name: "in a frame", Rules: "L3", Check: "framing", Stray: true, Faults: Faults{Authorization: func(r *Redirect) {
			r.Header = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}, "Sec-Fetch-Site": {"cross-site"}}
		}}},
		{Name: "as a prefetch", Rules: "L2 B11", Check: "prefetch", Stray: true, Faults: Faults{Authorization: func(r *Redirect) {
			r.Header = http.Header{"Sec-Purpose": {"prefetch"}}
		}}},

		{Name: "code missing", Rules: "R6", Check: "code", Faults: Faults{Authorization: param("code")}},
		{Name: "code empty", Rules: "R6", Check: "code", Faults: Faults{Authorization: param("code", "")}},
		{Name: "tokens instead of a code", Rules: "T11 R83", Check: "code", Faults: Faults{Authorization: func(r *Redirect) {
			param("code")(r)
			param("access_token", r.Login.Token)(r)
			param("id_token", "e30.e30.e30")(r)
		}}},
		{Name: "code above 4 KiB", Rules: "B12", Check: "size of codes", Faults: Faults{Authorization: param("code", strings.Repeat("x", 5<<10))}},
		{Name: "eleven minutes later", Rules: "R22 H3", Check: "flow expiry", Stray: true, Faults: Faults{Authorization: func(r *Redirect) { r.Wait = 11 * time.Minute }}},
		{Name: "to another provider's callback", Rules: "A6 A7 T10", Check: "mix-up", Faults: Faults{Authorization: func(r *Redirect) {
			r.To = strings.TrimSuffix(r.To, "op") + OtherName
			param("iss")(r)
		}}},
		{Name: "iss of another", Rules: "B4 T11b", Check: "iss compare", Faults: Faults{Authorization: param("iss", thief)}},
		{Name: "iss empty", Rules: "B4 T11b", Check: "iss compare", Faults: Faults{Authorization: param("iss", "")}},
		{Name: "iss with a slash more", Rules: "B4", Check: "iss compare", Faults: Faults{Authorization: param("iss", Issuer+"/")}},
		{Name: "iss missing, though promised", Rules: "B5 T11b", Check: "iss required", Faults: Faults{Authorization: param("iss")}},
		{Name: "iss of another with an error", Rules: "B4", Check: "iss compare", Faults: Faults{Authorization: refusal("access_denied", param("iss", thief))}},
		{Name: "iss missing with an error", Rules: "B5", Check: "iss required", Faults: Faults{Authorization: refusal("access_denied", param("iss"))}},

		{Name: "error with a code", Rules: "B6 R7 T11c", Check: "error with a code", Err: login.ErrProvider, Faults: Faults{Authorization: param("error", "server_error")}},
		{Name: "error that is empty, with a code", Rules: "B6", Check: "error with a code", Err: login.ErrProvider, Faults: Faults{Authorization: param("error", "")}},
		{Name: "error_code with a code", Rules: "B6 R60", Check: "error with a code", Err: login.ErrProvider, Faults: Faults{Authorization: param("error_code", "200")}},
		{Name: "refused by the person", Rules: "B8 R60", Check: "refusals", Err: login.ErrDenied, Faults: Faults{Authorization: refusal("access_denied")}},
		{Name: "refused, as Facebook has it", Rules: "B8 R60", Check: "refusals", Err: login.ErrDenied, Faults: Faults{Authorization: refusal("user_denied")}},
		{Name: "login required", Rules: "B8", Check: "silent login refused", Err: login.ErrLoginRequired, Faults: Faults{Authorization: refusal("login_required")}},
		{Name: "interaction required", Rules: "B8", Check: "silent login refused", Err: login.ErrLoginRequired, Faults: Faults{Authorization: refusal("interaction_required")}},
		{Name: "temporarily unavailable", Rules: "B8", Check: "error with a code", Err: login.ErrProvider, Faults: Faults{Authorization: refusal("temporarily_unavailable")}},
		{Name: "error that is a text", Rules: "B7 T43", Check: "characters of error codes", Err: login.ErrProvider, Faults: Faults{Authorization: refusal(Canary)}},
		{Name: "error of 7 KB", Rules: "B7 T43", Check: "length of error codes", Err: login.ErrProvider, Faults: Faults{Authorization: refusal("canary" + strings.Repeat("e", 7000))}},

		{Name: "unknown parameters, twice", Rules: "B3", Check: "parameters that may repeat", Accept: true, Faults: Faults{Authorization: func(r *Redirect) {
			r.Params["session_state"] = []string{"a", "b"}
			r.Params["resource"] = []string{"a", "b"}
		}}},
	}
	for i := range table {
		if table[i].Err == nil {
			table[i].Err = login.ErrBadCallback
		}
	}
	return group("authorization", table)
}
