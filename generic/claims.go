package generic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// claims are the members of one JSON object, not yet interpreted.
type claims map[string]json.RawMessage

// decides reports whether a claim decides something. Another spelling of such a
// claim is refused, because encoding/json, which go-oidc reads them with, ignores
// case: it could see a "sub" where we see none.
func decides(name string) bool {
	switch name {
	case "iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "auth_time", "acr",
		"email", "email_verified":
		return true
	}
	return false
}

// parseClaims reads a JSON object whose names are unique, whatever their case
// (RFC 7519 section 4; RFC 8725 section 2.4).
func parseClaims(data []byte) (claims, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	c, seen := claims{}, map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errors.New("not a JSON object")
		}
		folded := fold(name)
		if seen[folded] {
			return nil, errors.New("two members have the same name")
		}
		if name != folded && decides(folded) {
			return nil, fmt.Errorf("%s is spelt otherwise", folded)
		}
		seen[folded] = true
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return nil, errors.New("not a JSON object")
		}
		c[name] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("not a JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return c, nil
}

// fold maps what encoding/json takes for the same name to the same lower-case
// name: strings.ToLower would leave "ſub" apart from "sub".
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return unicode.ToLower(least)
	}, name)
}

// text returns a claim that is a string, or "".
func (c claims) text(name string) string {
	s, _ := c.optional(name)
	return s
}

// optional returns a claim that must be a string if it is there.
func (c claims) optional(name string) (string, error) {
	raw, ok := c[name]
	if !ok {
		return "", nil
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", fmt.Errorf("%s: want a string", name)
	}
	return *s, nil
}

// time returns a claim that must be a NumericDate (RFC 7519 section 2) if it
// is there. Not those of year 10000 and later: arithmetic with them overflows.
func (c claims) time(name string) (t time.Time, ok bool, err error) {
	raw, ok := c[name]
	if !ok {
		return time.Time{}, false, nil
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(seconds >= 0 && seconds < 253402300800) {
		return time.Time{}, true, fmt.Errorf("%s: want a number of seconds since 1970", name)
	}
	return time.Unix(int64(seconds), 0), true, nil
}

// list returns a claim that is a string or an array of strings.
func (c claims) list(name string) ([]string, error) {
	if s, err := c.optional(name); err == nil && s != "" {
		return []string{s}, nil
	}
	var l []string
	if json.Unmarshal(c[name], &l) != nil {
		return nil, fmt.Errorf("%s: want a string or an array of strings", name)
	}
	return l, nil
}

// truth reads a flag as providers write it. Everything that is not clearly yes
// is no.
func truth(raw json.RawMessage) bool {
	switch strings.ToLower(string(raw)) {
	case `true`, `"true"`, `1`, `"1"`:
		return true
	}
	return false
}
