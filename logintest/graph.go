package logintest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/doorlatch/login"
)

// A graphError is an error of the Graph API. why is for Problems; if nil, it is
// the message.
type graphError struct {
	message, kind string // the zero kind is OAuthException
	code, subcode int
	status        int    // the zero status is 400
	challenge     string // code in WWW-Authenticate
	why           error
}

func (c *call) graphError(e *graphError) {
	if e.why == nil {
		e.why = errors.New(e.message)
	}
	c.problem(e.why)
	if e.kind == "" {
		e.kind = "OAuthException"
	}
	if e.status == 0 {
		e.status = http.StatusBadRequest
	}
	if e.challenge != "" {
		c.w.Header().Set("WWW-Authenticate", fmt.Sprintf(`OAuth "Facebook Platform" %q %q`, e.challenge, e.message))
	}
	body := map[string]any{"message": e.message, "type": e.kind, "code": e.code, "fbtrace_id": "INVENTED"}
	if e.subcode != 0 {
		body["error_subcode"] = e.subcode
	}
	c.graphJSON(e.status, map[string]any{"error": body})
}

// graphJSON writes JSON as Facebook does: in ASCII, with the at sign escaped.
func (c *call) graphJSON(status int, v any) {
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Fb-Trace-Id", "INVENTED")
	if h.Get("Facebook-Api-Version") == "" {
		h.Set("Facebook-Api-Version", "v25.0")
	}
	b, err := json.Marshal(v)
	if err != nil {
		c.refuse(http.StatusInternalServerError, err)
		return
	}
	c.w.WriteHeader(status)
	c.w.Write(escapeJSON(b))
}

func escapeJSON(b []byte) []byte {
	var out []byte
	for _, r := range string(b) {
		switch {
		case r == '@' || r >= utf8.RuneSelf && r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = append(out, byte(r))
		}
	}
	return out
}

// badToken is the error for a token that find did not accept.
func (c *call) badToken(err error) *graphError {
	e := &graphError{code: 190, challenge: "invalid_token", why: fmt.Errorf("the access token is not good: %w", err)}
	switch err {
	case errExpired:
		e.message, e.subcode = "Error validating access token: Session has expired.", 463
	case errUnknown:
		e.message = "Invalid OAuth access token - Cannot parse access token"
	default:
		e.message = "Error validating access token: The user has not authorized application " + c.clientID + "."
		e.subcode = 458
	}
	return e
}

// badCode is the error for a code that redeem did not accept.
func badCode(err error) *graphError {
	e := &graphError{code: 100, challenge: "invalid_code", why: fmt.Errorf("the code is not good: %w", err)}
	switch err {
	case errUsed:
		e.message, e.subcode = "This authorization code has been used.", 36009
	case errExpired:
		e.message, e.subcode = "This authorization code has expired.", 36007
	default:
		e.message = "Invalid verification code format."
	}
	return e
}

// A graphCall is a request to the Graph API with a good token of a person or a
// page.
type graphCall struct {
	*call
	u     *login.User
	token token
	id    string // of the node: a user or a page
}

// graph admits requests with a good token for the node that they are about.
func (s *Facebook) graph(h func(*graphCall)) func(*call) {
	return func(c *call) {
		value := c.graphToken()
		if value == "" {
			c.graphError(&graphError{message: "An access token is required to request this resource.", code: 104})
			return
		}
		t, err := s.ledger.find(value, accessToken, c.now())
		if err == nil && c.user(t.user) == nil {
			err = errRevoked
		}
		if err != nil {
			c.graphError(c.badToken(err))
			return
		}
		if e := c.checkProof(value); e != nil {
			c.graphError(e)
			return
		}
		g := &graphCall{c, c.user(t.user), t, c.r.PathValue("id")}
		self := t.user
		if t.page != "" {
			self = t.page
		}
		if g.id == "me" {
			g.id = self
		}
		if g.id != self && c.r.Method != http.MethodPost { // a post says by itself what is missing
			c.graphError(&graphError{kind: "GraphMethodException", code: 100, subcode: 33, message: "Unsupported " +
				strings.ToLower(c.r.Method) + " request. The object does not exist or cannot be loaded due to missing permissions."})
			return
		}
		h(g)
	}
}

// graphToken is the token of the header, or of the body of a POST.
func (c *call) graphToken() string {
	if value := c.bearer("OAuth"); value != "" {
		return value
	}
	return c.r.PostFormValue("access_token")
}

// checkProof compares appsecret_proof, which shows that the caller knows the
// secret of the app and did not just find a token.
func (c *call) checkProof(value string) *graphError {
	proof := c.r.FormValue("appsecret_proof")
	if proof == "" {
		if !c.requireProof {
			return nil
		}
		return &graphError{kind: "GraphMethodException", code: 100,
			message: "API calls from the server require an appsecret_proof argument"}
	}
	mac := hmac.New(sha256.New, []byte(c.clientSecret))
	mac.Write([]byte(value))
	if !equal(proof, hex.EncodeToString(mac.Sum(nil))) {
		return &graphError{kind: "GraphMethodException", code: 100,
			message: "Invalid appsecret_proof provided in the API argument"}
	}
	return nil
}

// fields reads the fields parameter, "id,picture.type(large){url}", without the
// modifiers. If there is none, it is id and name.
func (g *graphCall) fields() []string {
	text := g.r.URL.Query().Get("fields")
	if text == "" {
		return []string{"id", "name"}
	}
	names, depth, name := []string{}, 0, ""
	for _, r := range text + "," {
		switch {
		case r == '(' || r == '{':
			depth++
		case r == ')' || r == '}':
			depth--
		case depth > 0:
		case r == ',':
			name, _, _ = strings.Cut(name, ".")
			names, name = append(names, name), ""
		default:
			name += string(r)
		}
	}
	return names
}

// me is GET /me: the person, or the page of a page token.
func (s *Facebook) me(g *graphCall) {
	first, last, _ := strings.Cut(g.u.Name, " ")
	picture := g.u.Picture
	if picture == "" {
		picture = avatarURL(g.url, g.u)
	}
	known := map[string]any{
		"id": g.id, "name": g.u.Name, "first_name": first, "last_name": last,
		"picture": map[string]any{"data": map[string]any{
			"height": 200, "width": 200, "is_silhouette": g.u.Picture == "", "url": picture,
		}},
	}
	if g.token.page != "" {
		known = map[string]any{"id": g.id, "name": pageName(g.id)}
	}
	answer := map[string]any{"id": g.id} // always there
	for _, name := range g.fields() {
		v, ok := known[name]
		switch {
		case ok:
			answer[name] = v
		case name == "email":
			if email, _ := address(g.u); email != "" && s.granted(g.u.ID, "email") && g.token.page == "" {
				answer["email"] = email
			}
		default:
			g.graphError(&graphError{code: 100, message: fmt.Sprintf("(#100) Tried accessing nonexisting field (%s) on node type (User)", name)})
			return
		}
	}
	g.graphJSON(http.StatusOK, answer)
}
