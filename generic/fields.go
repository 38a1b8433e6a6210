package generic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/doorlatch/login"
)

// Fields says where in a JSON answer the fields of a [login.User] are. Each is
// a JSON Pointer (RFC 6901), such as "/login" or "/data/0/id". Several, with
// spaces between them, are alternatives: "/name /login" is the name or, where
// there is none, the login. An empty one leaves the field of the user empty.
type Fields struct {
	// ID is the provider's own, immutable identifier: a string or an integer of
	// any size. It is required and cannot have alternatives: with two places to
	// look, one user could choose a login that is another's ID. A user without
	// an ID there is refused.
	ID string

	Username, Name, Picture string

	// Email is the user's address. It goes to [login.User.Email] only if the
	// value at EmailVerified says yes (true, "true", 1 or "1"), else to
	// UnverifiedEmail. Leave EmailVerified empty unless the provider documents
	// such a flag.
	Email, EmailVerified string
}

// paths are Fields, parsed.
type paths struct {
	id, username, name, picture, email, emailVerified alternatives
}

type (
	alternatives []pointer
	pointer      []string
)

// parse reports every mistake in f.
func (f Fields) parse() (paths, error) {
	var p paths
	var errs []error
	for _, field := range []struct {
		name, text string
		to         *alternatives
	}{
		{"ID", f.ID, &p.id},
		{"Username", f.Username, &p.username},
		{"Name", f.Name, &p.name},
		{"Picture", f.Picture, &p.picture},
		{"Email", f.Email, &p.email},
		{"EmailVerified", f.EmailVerified, &p.emailVerified},
	} {
		for _, s := range strings.Fields(field.text) {
			path, err := parsePointer(s)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", "Fields."+field.name, err))
			}
			*field.to = append(*field.to, path)
		}
	}
	if len(p.id) != 1 {
		errs = append(errs, mistake("Fields.ID", fmt.Sprintf("one JSON Pointer such as %q, have %q", "/id", f.ID)))
	}
	return p, errors.Join(errs...)
}

func parsePointer(s string) (pointer, error) {
	if !strings.HasPrefix(s, "/") {
		return nil, fmt.Errorf("want a JSON Pointer such as \"/id\", have %q", s)
	}
	p := pointer(strings.Split(s[1:], "/"))
	for i, token := range p {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(token), "~") {
			return nil, fmt.Errorf("want ~0 for ~ and ~1 for / in %q", s)
		}
		p[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return p, nil
}

// at returns what p points at, or nil.
func (p pointer) at(v any) any {
	for _, token := range p {
		switch node := v.(type) {
		case map[string]any:
			v = node[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(node) || strconv.Itoa(i) != token {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

// in returns the first value that is there and is neither null nor "".
func (a alternatives) in(v any) any {
	for _, p := range a {
		if found := p.at(v); found != nil && found != "" {
			return found
		}
	}
	return nil
}

// text returns the first value, if it is a string.
func (a alternatives) text(v any) string {
	s, _ := a.in(v).(string)
	return s
}

// user reads the user out of an answer.
func (p paths) user(body []byte) (*login.User, error) {
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	if reportsError(v) {
		return nil, errors.New("the answer reports an error, although its status is 200")
	}
	id, err := idOf(p.id.in(v))
	if err != nil {
		return nil, fmt.Errorf("ID: %w", err)
	}
	u := &login.User{
		ID:       id,
		Username: p.username.text(v),
		Name:     p.name.text(v),
		Picture:  picture(p.picture.text(v)),
		Raw:      body,
	}
	setEmail(u, p.email.text(v), isTrue(p.emailVerified.in(v)))
	return u, nil
}

// decode keeps numbers as they are written: an ID above 2^53 would lose its
// last digits as a float64, and be somebody else's.
func decode(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, errors.New("not JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON")
	}
	return v, nil
}

// reportsError knows the ways in which providers report errors with status 200:
// "error", "ok" (Slack), "errcode" (WeChat), "resultcode" (Naver).
func reportsError(v any) bool {
	m, ok := v.(map[string]any)
	return ok && (m["ok"] == false || bad(m["error"]) || bad(m["errcode"]) || bad(m["resultcode"]))
}

// bad reports whether a code stands for failure. TikTok's success is
// {"code": "ok"}, Naver's is "00".
func bad(code any) bool {
	switch c := code.(type) {
	case nil:
		return false
	case bool:
		return c
	case string:
		return strings.Trim(c, "0") != "" && !strings.EqualFold(c, "ok")
	case json.Number:
		return strings.Trim(c.String(), "0") != ""
	case map[string]any:
		if inner, ok := c["code"]; ok {
			return bad(inner)
		}
		return len(c) > 0
	}
	return true
}

// idOf returns an ID that is a string or an integer.
func idOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, checkID(v)
	case json.Number:
		if s := v.String(); !strings.ContainsAny(s, ".eE") {
			return s, checkID(s)
		}
	}
	return "", fmt.Errorf("want a string or an integer, have %s", kind(v))
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "none"
	case json.Number:
		return "a fraction"
	case bool:
		return "a boolean"
	}
	return "an object or an array"
}

// checkID refuses what cannot tell users apart, or not for long: "null" and
// "undefined" are what a program with a fault writes for everybody.
func checkID(id string) error {
	switch {
	case id == "" || id == "null" || id == "undefined":
		return errors.New("want an identifier")
	case len(id) > 255:
		return fmt.Errorf("want at most 255 bytes, have %d", len(id))
	case !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return errors.New("want printable text")
	}
	return nil
}

func isTrue(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v == "1" || strings.EqualFold(v, "true")
	case json.Number:
		return v == "1"
	}
	return false
}

// setEmail puts an address where it belongs.
func setEmail(u *login.User, email string, verified bool) {
	if verified && plainAddress(email) {
		u.Email = email
	} else {
		u.UnverifiedEmail = email
	}
}

// plainAddress admits local@domain in ordinary characters and nothing else that
// RFC 5321 allows. Applications look at the part after the "@": they must not be
// led to another one by a second "@", by quotes, by a comma, by a final dot or
// by characters that other software maps to ASCII.
func plainAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(s) > 254 || !strings.Contains(domain, ".") {
		return false
	}
	for _, r := range local {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"(),:;<>@[\]`, r) {
			return false
		}
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return false
		}
	}
	return true
}

// picture drops what a browser would not load as an image but run. Nobody
// here fetches the URL.
func picture(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return s
}
