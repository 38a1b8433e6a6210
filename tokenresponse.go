package login

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// maxToken bounds each token, in bytes.
const maxToken = 256 << 10

// repairTokenResponse reads an answer of a token endpoint (RFC 6749 section 5)
// more widely than x/oauth2 does where providers are sloppy (form bodies, JSON
// called text/plain, byte order marks, "expires", fractions of a second, errors
// that are objects) and more narrowly where that is dangerous (token types we
// cannot use, duplicate members, tokens that would not survive a header). It
// hands x/oauth2 plain JSON, or an error: a [oauth2.RetrieveError] with nothing
// but a code, because the bodies of failed answers hold whatever the provider
// likes, our secrets included.
func repairTokenResponse(resp *http.Response, tokenError func(int, []byte) error) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\ufeff")))
	members, code := parseTokenResponse(resp.Header.Get("Content-Type"), body)
	failed, reported := resp.StatusCode/100 != 2, errorCode(members)
	switch {
	case reported != "":
		code = reported
	case failed:
		code = statusCode(resp.StatusCode)
	case code == "":
		code = normalizeToken(members)
	}
	if code != "" {
		if tokenError != nil && (failed || reported != "") {
			if err = tokenError(resp.StatusCode, body); err != nil {
				return nil, err
			}
		}
		return nil, &oauth2.RetrieveError{
			Response: &http.Response{ // without resp.Status, whose words are the provider's
				Status:     strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode),
				StatusCode: resp.StatusCode,
			},
			ErrorCode: code,
		}
	}
	dropLookalikes(members)
	repaired, err := json.Marshal(members)
	if err != nil {
		return nil, errors.New("the answer cannot be written as JSON")
	}
	resp.Header.Set("Content-Type", "application/json")
	resp.ContentLength = int64(len(repaired))
	resp.Body = io.NopCloser(bytes.NewReader(repaired))
	return resp, nil
}

// statusCode names a failure that comes without a usable error code.
func statusCode(status int) string {
	if status >= 500 {
		return "server_error"
	}
	return "http_" + strconv.Itoa(status)
}

const invalidResponse = "invalid_response"

// parseTokenResponse returns the members of the answer, or an error code.
func parseTokenResponse(contentType string, body []byte) (map[string]json.RawMessage, string) {
	if len(body) > 0 && body[0] == '{' {
		return parseObject(body)
	}
	ct, _, _ := mime.ParseMediaType(contentType)
	form, err := url.ParseQuery(string(body))
	known := form.Has("access_token") || form.Has("error")
	if err != nil || !known && ct != "application/x-www-form-urlencoded" {
		return nil, invalidResponse
	}
	members := make(map[string]json.RawMessage, len(form))
	for key, values := range form {
		if len(values) > 1 {
			return nil, invalidResponse
		}
		members[key], _ = json.Marshal(values[0])
	}
	return members, ""
}

// parseObject is encoding/json without its two leniencies: there a repeated
// member wins over the first, and "Access_Token" is as good as access_token.
func parseObject(body []byte) (map[string]json.RawMessage, string) {
	members := make(map[string]json.RawMessage)
	d := json.NewDecoder(bytes.NewReader(body))
	d.Token() // the brace
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil, invalidResponse
		}
		if _, ok := members[name]; ok {
			return nil, invalidResponse
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, invalidResponse
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, invalidResponse
	}
	return members, ""
}

// errorCode returns the error that an answer reports, whatever its status:
// GitHub and Slack send theirs with 200, Facebook's is an object, Fitbit's a
// list, WeChat's a number under a name of its own.
func errorCode(members map[string]json.RawMessage) string {
	var e any
	for _, key := range []string{"error", "errors", "errcode"} {
		if json.Unmarshal(members[key], &e) != nil || e == nil {
			continue
		}
		if list, ok := e.([]any); ok {
			if len(list) == 0 {
				continue
			}
			e = list[0]
		}
		if o, ok := e.(map[string]any); ok {
			for _, key := range []string{"type", "errorType", "code"} {
				if o[key] != nil {
					e = o[key]
					break
				}
			}
		}
		switch e := e.(type) {
		case string:
			if e == "" {
				continue
			}
			return safeCode(e)
		case float64:
			if e == 0 {
				continue
			}
			return safeCode(strconv.FormatFloat(e, 'f', -1, 64))
		case bool:
			if !e {
				continue
			}
		}
		return "error"
	}
	return ""
}

// safeCode returns code if it has the form of an error code (RFC 6749 section
// 4.1.2.1) of reasonable length: it goes into logs.
func safeCode(code string) string {
	if code == "" || len(code) > 64 {
		return "unreadable_error"
	}
	for _, c := range []byte(code) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return "unreadable_error"
		}
	}
	return code
}

// normalizeToken brings a successful answer into the form that x/oauth2 reads,
// or returns an error code.
func normalizeToken(members map[string]json.RawMessage) string {
	safe := true
	for _, key := range []string{"access_token", "refresh_token", "id_token"} {
		var s *string
		raw := members[key]
		if string(raw) == "false" && key != "access_token" { // seen for "none"
			raw = nil
		}
		if raw != nil && json.Unmarshal(raw, &s) != nil {
			return invalidResponse
		}
		switch {
		case s != nil && *s != "":
			safe = safe && headerSafe(*s)
		case key == "access_token":
			return "missing_token"
		default:
			delete(members, key)
		}
	}
	if code := normalizeType(members); code != "" {
		return code
	}
	if !safe {
		return invalidResponse
	}
	return normalizeExpiry(members)
}

// dropLookalikes removes what encoding/json, which x/oauth2 reads the answer
// with, would take for one of its members: "Access_Token", and even "acce\u017fs_token",
// would replace the access_token that was checked, and "Error" turn a success into
// an error that quotes the body.
func dropLookalikes(members map[string]json.RawMessage) {
	checked := []string{"access_token", "token_type", "refresh_token", "expires_in"}
	for name := range members {
		alike := func(s string) bool { return strings.EqualFold(s, name) }
		if !slices.Contains(checked, name) && slices.ContainsFunc(checked, alike) ||
			slices.ContainsFunc([]string{"error", "error_description", "error_uri"}, alike) {
			delete(members, name)
		}
	}
}

// normalizeType refuses tokens that cannot be sent as a bearer token: RFC 6749
// section 7.1 forbids to use a token of unknown type.
func normalizeType(members map[string]json.RawMessage) string {
	var tokenType *string
	if raw := members["token_type"]; raw != nil && json.Unmarshal(raw, &tokenType) != nil {
		return invalidResponse
	}
	if tokenType == nil || *tokenType == "" {
		delete(members, "token_type") // counts as Bearer, except for OpenID Connect
		return ""
	}
	if !strings.EqualFold(*tokenType, "Bearer") {
		return "unsupported_token_type"
	}
	members["token_type"] = json.RawMessage(`"Bearer"`)
	return ""
}

// headerSafe reports whether s can be sent in a header field as it is: a line
// break in a token would end the field.
func headerSafe(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= maxToken
}

// normalizeExpiry writes expires_in as a whole number of seconds: x/oauth2 fails
// the login over "3600.0" and takes 0 for "never".
func normalizeExpiry(members map[string]json.RawMessage) string {
	const year2001 = 1e9 // larger numbers are points in time
	for _, key := range []string{"expires_in", "expires", "expires_at"} {
		n, ok, valid := number(members[key])
		if !valid && key == "expires_in" {
			return invalidResponse
		}
		if !ok || !valid {
			continue // of the other two there is no standard: some hold a date
		}
		if key != "expires_in" && n >= year2001 {
			n -= float64(time.Now().Unix())
		}
		n = math.Trunc(max(math.MinInt32, min(n, math.MaxInt32)))
		if n == 0 {
			n = -1 // expired already
		}
		members["expires_in"] = json.RawMessage(strconv.FormatInt(int64(n), 10))
		return ""
	}
	delete(members, "expires_in") // unknown
	return ""
}

// number reads a JSON number, or a string that holds one; ok is false if there
// is none.
func number(raw json.RawMessage) (n float64, ok, valid bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, false, true
	}
	text := string(raw)
	if raw[0] == '"' {
		if json.Unmarshal(raw, &text) != nil {
			return 0, false, false
		}
		if text = strings.TrimSpace(text); text == "" {
			return 0, false, true
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) && n > 0 {
		return math.MaxInt32, true, true
	}
	return n, true, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// scopesOf splits the scope member of a token response: by spaces as RFC 6749
// section 3.3 says, by commas as GitHub does, or a list as from Twitch. If there
// is none, the scopes are those requested (RFC 6749 section 5.1).
func scopesOf(t *oauth2.Token, requested []string) []string {
	switch scope := t.Extra("scope").(type) {
	case string:
		return strings.FieldsFunc(scope, func(c rune) bool { return c == ' ' || c == ',' })
	case []any:
		var scopes []string
		for _, s := range scope {
			if s, ok := s.(string); ok {
				scopes = append(scopes, s)
			}
		}
		return scopes
	}
	return slices.Clone(requested)
}
