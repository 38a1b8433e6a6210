package login

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// A tokenVector is a line of testdata/token_responses.jsonl: an answer and what
// to make of it. Three things that a vector may expect are not our concern:
// error_description (no words of a provider are kept; decision 10), scope_changed
// (the application compares Grant.Scopes with what it needs), and retry and
// interval, which belong to the device grant.
type tokenVector struct {
	ID          string
	ContentType string `json:"content_type"`
	Status      int
	Headers     map[string]string
	Body        string
	Request     struct {
		Grant        string
		RefreshToken string `json:"refresh_token"`
		Scope        []string
	}
	Expect struct {
		OK               bool
		Error            string
		AccessToken      string `json:"access_token"`
		TokenType        string `json:"token_type"`
		RefreshToken     string `json:"refresh_token"`
		ExpiresIn        *int64 `json:"expires_in"`
		ExpiresInMin     int64  `json:"expires_in_min"`
		ExpiresAt        int64  `json:"expires_at"`
		Expired          bool
		RefreshExpiresIn *float64 `json:"refresh_expires_in"`
		Scope            *[]string
		Extra            map[string]any
	}
}

func tokenVectors(t testing.TB) []tokenVector {
	file, err := os.Open("testdata/token_responses.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var vectors []tokenVector
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var v tokenVector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("line %d: %v", len(vectors)+1, err)
		}
		if before, after, ok := strings.Cut(v.Body, "<REPEAT TO 2 MiB>"); ok {
			v.Body = before + strings.Repeat("x", 2<<20) + after
		}
		vectors = append(vectors, v)
	}
	if len(vectors) < 70 {
		t.Fatalf("got %d vectors, want all of them", len(vectors))
	}
	return vectors
}

// A tokenServer is a token endpoint that gives one answer to every request.
type tokenServer struct {
	*httptest.Server
	requests atomic.Int32
	hook     func(int, []byte) error // Provider.TokenError
}

func newTokenServer(t *testing.T, contentType string, status int, body string) *tokenServer {
	return newTokenHandler(t, func(w http.ResponseWriter, r *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

func newTokenHandler(t *testing.T, answer http.HandlerFunc) *tokenServer {
	s := new(tokenServer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// config and ctx are what a login uses for the exchange.
func (s *tokenServer) config() (context.Context, *oauth2.Config) {
	p := &Provider{TokenError: s.hook}
	c := &oauth2.Config{
		ClientID: "client", ClientSecret: "SECRET-CANARY",
		Endpoint: oauth2.Endpoint{TokenURL: s.URL + "/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	client := newClient(s.Client(), p, c.Endpoint.TokenURL)
	return context.WithValue(context.Background(), oauth2.HTTPClient, client), c
}

func (s *tokenServer) exchange() (*oauth2.Token, error) {
	ctx, c := s.config()
	return c.Exchange(ctx, "CODE-CANARY", oauth2.VerifierOption("VERIFIER-CANARY"))
}

// tokenErrorCode returns the code of err, and checks that err holds nothing else
// (C14, R17): no body, no words of the provider, no code, no secret.
func tokenErrorCode(t testing.TB, err error) string {
	t.Helper()
	var re *oauth2.RetrieveError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errRedirected):
		return "redirected"
	case errors.Is(err, errTooLarge):
		return "response_too_large"
	case !errors.As(err, &re):
		t.Errorf("got %v, want an oauth2.RetrieveError", err)
		return "?"
	}
	if got, want := withoutURL(err).Error(), `oauth2: "`+re.ErrorCode+`"`; got != want {
		t.Errorf("got error %q, want %q", got, want)
	}
	if re.Body != nil || re.ErrorDescription != "" || re.ErrorURI != "" {
		t.Errorf("the error holds the answer: %+v", re)
	}
	return re.ErrorCode
}

// T48, R9, R20, R33, R52, R72, C10-C14: what well-known clients make of answers, we
// do, too.
func TestTokenVectors(t *testing.T) {
	for _, v := range tokenVectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			s := newTokenHandler(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", v.ContentType)
				for key, value := range v.Headers {
					w.Header().Set(key, value)
				}
				w.WriteHeader(v.Status)
				io.WriteString(w, v.Body)
			})
			ctx, c := s.config()
			before := time.Now()
			var tok *oauth2.Token
			var err error
			if v.Request.Grant == "refresh_token" {
				tok, err = c.TokenSource(ctx, &oauth2.Token{RefreshToken: v.Request.RefreshToken}).Token()
			} else {
				tok, err = c.Exchange(ctx, "CODE-CANARY")
			}
			if n := s.requests.Load(); n != 1 {
				t.Errorf("got %d requests, want 1", n)
			}
			if !v.Expect.OK {
				want := v.Expect.Error
				if v.Status/100 == 3 {
					want = "redirected"
				}
				if got := tokenErrorCode(t, err); got != want {
					t.Errorf("got error code %q, want %q", got, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			v.check(t, tok, before)
		})
	}
}

func (v *tokenVector) check(t *testing.T, tok *oauth2.Token, before time.Time) {
	e := &v.Expect
	if tok.AccessToken != e.AccessToken || tok.Type() != e.TokenType {
		t.Errorf("got token %q of type %q, want %q of type %q", tok.AccessToken, tok.Type(), e.AccessToken, e.TokenType)
	}
	if e.RefreshToken != "" && tok.RefreshToken != e.RefreshToken {
		t.Errorf("got refresh token %q, want %q", tok.RefreshToken, e.RefreshToken)
	}
	switch {
	case e.ExpiresIn != nil:
		checkExpiry(t, tok, before.Unix()+*e.ExpiresIn)
	case e.ExpiresInMin != 0:
		if tok.Expiry.Before(before.Add(time.Duration(e.ExpiresInMin) * time.Second)) {
			t.Errorf("got expiry %v", tok.Expiry)
		}
	case e.ExpiresAt != 0:
		checkExpiry(t, tok, e.ExpiresAt)
	case !tok.Expiry.IsZero():
		t.Errorf("got expiry %v, want none", tok.Expiry)
	}
	if e.Expired && tok.Valid() {
		t.Error("the token is valid, want it expired")
	}
	if e.RefreshExpiresIn != nil && tok.Extra("refresh_token_expires_in") != *e.RefreshExpiresIn {
		t.Errorf("got refresh_token_expires_in %v, want %v", tok.Extra("refresh_token_expires_in"), *e.RefreshExpiresIn)
	}
	if e.Scope != nil {
		if got := scopesOf(tok, v.Request.Scope); !slices.Equal(got, *e.Scope) {
			t.Errorf("got scopes %q, want %q", got, *e.Scope)
		}
	}
	for key, want := range e.Extra {
		if got := tok.Extra(key); !reflect.DeepEqual(got, want) {
			t.Errorf("got %s %v, want %v", key, got, want)
		}
	}
}

// checkExpiry allows for the seconds that the test itself takes.
func checkExpiry(t *testing.T, tok *oauth2.Token, want int64) {
	t.Helper()
	if got := tok.Expiry.Unix(); got < want-1 || got > want+15 {
		t.Errorf("got expiry %d, want %d", got, want)
	}
}

// C10: every form of expires_in that was seen in the wild or can be thought of.
func TestTokenExpiry(t *testing.T) {
	const unknown = math.MaxInt64
	tests := []struct {
		members string
		want    int64 // seconds
		code    string
	}{
		{members: `"expires_in":3600`, want: 3600},
		{members: `"expires_in":3600.0`, want: 3600},
		{members: `"expires_in":3600.9`, want: 3600},
		{members: `"expires_in":3.6e3`, want: 3600},
		{members: `"expires_in":"3600"`, want: 3600},
		{members: `"expires_in":" 3600.5 "`, want: 3600},
		{members: `"expires_in":""`, want: unknown},
		{members: `"expires_in":null`, want: unknown},
		{members: `"other":1`, want: unknown},
		{members: `"expires_in":0`, want: -1}, // x/oauth2 takes it for "never"
		{members: `"expires_in":"0"`, want: -1},
		{members: `"expires_in":0.4`, want: -1},
		{members: `"expires_in":-0.0`, want: -1},
		{members: `"expires_in":-5`, want: -5},
		{members: `"expires_in":-1e300`, want: math.MinInt32},
		{members: `"expires_in":1e300`, want: math.MaxInt32},
		{members: `"expires_in":1e999`, want: math.MaxInt32},
		{members: `"expires_in":9223372036854775807`, want: math.MaxInt32},
		{members: `"expires_in":"never"`, code: invalidResponse},
		{members: `"expires_in":"Infinity"`, code: invalidResponse},
		{members: `"expires_in":"NaN"`, code: invalidResponse},
		{members: `"expires_in":Infinity`, code: invalidResponse},
		{members: `"expires_in":-1e999`, code: invalidResponse},
		{members: `"expires_in":true`, code: invalidResponse},
		{members: `"expires_in":[3600]`, code: invalidResponse},
		{members: `"expires_in":{"seconds":3600}`, code: invalidResponse},
		// The names that no standard defines.
		{members: `"expires":"5183999"`, want: 5183999},
		{members: `"expires_in":null,"expires":60`, want: 60},
		{members: `"expires_in":3600,"expires":60`, want: 3600},
		{members: `"expires":"Thu, 01 Jan 2026 00:00:00 GMT"`, want: unknown},
		{members: `"expires_at":"2026-01-01T00:00:00Z","expires":60`, want: 60},
		{members: `"expires_at":4102444800`, want: math.MaxInt32},
	}
	for _, tt := range tests {
		t.Run(tt.members, func(t *testing.T) {
			before := time.Now()
			tok, err := newTokenServer(t, "application/json", 200, `{"access_token":"t",`+tt.members+`}`).exchange()
			if got := tokenErrorCode(t, err); got != tt.code {
				t.Fatalf("got error code %q, want %q", got, tt.code)
			}
			switch {
			case tt.code != "":
			case tt.want == unknown:
				if !tok.Expiry.IsZero() {
					t.Errorf("got expiry %v, want none", tok.Expiry)
				}
			case tt.want < 0 && tok.Valid():
				t.Error("the token is valid, want it expired")
			default:
				checkExpiry(t, tok, before.Unix()+tt.want)
			}
		})
	}
}

// An answer in the past keeps its date.
func TestTokenExpiredAt(t *testing.T) {
	tok, err := newTokenServer(t, "application/json", 200, `{"access_token":"t","expires_at":1700000000}`).exchange()
	if err != nil {
		t.Fatal(err)
	}
	checkExpiry(t, tok, 1700000000)
}

// C9, C11, C12, C16, T48: answers that no test suite of another client has.
func TestTokenAnswers(t *testing.T) {
	const ok = ""
	long := strings.Repeat("a", maxToken)
	tests := []struct {
		name        string
		contentType string // "": JSON
		status      int    // 0: 200
		body        string
		code        string
	}{
		// C9: only bearer tokens can be sent as we send them.
		{name: "type missing", body: `{"access_token":"t"}`},
		{name: "type empty", body: `{"access_token":"t","token_type":""}`},
		{name: "type null", body: `{"access_token":"t","token_type":null}`},
		{name: "type in capitals", body: `{"access_token":"t","token_type":"BEARER"}`},
		{name: "type mac", body: `{"access_token":"t","token_type":"mac"}`, code: "unsupported_token_type"},
		{name: "type with a space", body: `{"access_token":"t","token_type":"Bearer "}`, code: "unsupported_token_type"},
		{name: "type with a line break", body: `{"access_token":"t","token_type":"Bearer\r\nX: y"}`, code: "unsupported_token_type"},
		{name: "type a number", body: `{"access_token":"t","token_type":1}`, code: invalidResponse},
		{name: "type a list", body: `{"access_token":"t","token_type":["Bearer"]}`, code: invalidResponse},
		{name: "type N_A in a form", contentType: "text/plain", body: `access_token=t&token_type=N_A`, code: "unsupported_token_type"},

		// C16: what would end a header field or not survive in one.
		{name: "CRLF in access token", body: `{"access_token":"t\r\nX: y"}`, code: invalidResponse},
		{name: "LF in access token", body: `{"access_token":"t\n"}`, code: invalidResponse},
		{name: "CR in refresh token", body: `{"access_token":"t","refresh_token":"r\r"}`, code: invalidResponse},
		{name: "LF in ID token", body: `{"access_token":"t","id_token":"a.b.c\n"}`, code: invalidResponse},
		{name: "space in access token", body: `{"access_token":"a b"}`, code: invalidResponse},
		{name: "NUL in access token", body: `{"access_token":"a\u0000"}`, code: invalidResponse},
		{name: "DEL in access token", body: `{"access_token":"a\u007f"}`, code: invalidResponse},
		{name: "non-ASCII access token", body: `{"access_token":"\u00fc"}`, code: invalidResponse},
		{name: "lone surrogate", body: `{"access_token":"\ud800"}`, code: invalidResponse},
		{name: "CRLF in a form", contentType: "application/x-www-form-urlencoded", body: `access_token=t%0d%0aX`, code: invalidResponse},
		{name: "longest token", body: `{"access_token":"` + long + `"}`},
		{name: "token too long", body: `{"access_token":"` + long + `a"}`, code: invalidResponse},

		// Wrong types.
		{name: "number token", body: `{"access_token":123}`, code: invalidResponse},
		{name: "list token", body: `{"access_token":["t"]}`, code: invalidResponse},
		{name: "false token", body: `{"access_token":false}`, code: invalidResponse},
		{name: "null token", body: `{"access_token":null}`, code: "missing_token"},
		{name: "no members", body: `{}`, code: "missing_token"},
		{name: "refresh token false", body: `{"access_token":"t","refresh_token":false}`},
		{name: "refresh token empty", body: `{"access_token":"t","refresh_token":""}`},
		{name: "refresh token a number", body: `{"access_token":"t","refresh_token":1}`, code: invalidResponse},
		{name: "ID token an object", body: `{"access_token":"t","id_token":{}}`, code: invalidResponse},

		// Bodies.
		{name: "byte order mark", body: "\ufeff" + `{"access_token":"t"}`},
		{name: "byte order mark amid space", body: " \ufeff\r\n" + `{"access_token":"t"}`},
		{name: "JSON as text", contentType: "text/plain", body: `{"access_token":"t"}`},
		{name: "JSON as a form", contentType: "application/x-www-form-urlencoded", body: `{"access_token":"t"}`},
		{name: "JSON as HTML", contentType: "text/html", body: `{"access_token":"t"}`},
		{name: "JSON as nonsense", contentType: ";;;", body: `{"access_token":"t"}`},
		{name: "status 201", status: 201, body: `{"access_token":"t"}`},
		{name: "status 204", status: 204, code: invalidResponse},
		{name: "truncated", body: `{"access_token":"t","token_type":"bea`, code: invalidResponse},
		{name: "closing brace missing", body: `{"access_token":"t"`, code: invalidResponse},
		{name: "comma before the brace", body: `{"access_token":"t",}`, code: invalidResponse},
		{name: "comma missing", body: `{"access_token":"t" "scope":"s"}`, code: invalidResponse},
		{name: "trailing bytes", body: `{"access_token":"t"} x`, code: invalidResponse},
		{name: "two objects", body: `{"access_token":"t"}{"access_token":"u"}`, code: invalidResponse},
		{name: "space after", body: `{"access_token":"t"}` + " \r\n\t"},
		{name: "array", body: `[{"access_token":"t"}]`, code: invalidResponse},
		{name: "string", body: `"access_token"`, code: invalidResponse},
		{name: "empty", body: ``, code: invalidResponse},
		{name: "deep", body: `{"access_token":"t","x":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`, code: invalidResponse},
		{name: "error page that mentions a token", contentType: "text/html", body: `<a href="?access_token=t&b=c">`, code: invalidResponse},
		{name: "form with a broken escape", contentType: "text/plain", body: `access_token=%zz`, code: invalidResponse},
		{name: "form with a broken end", contentType: "text/plain", body: `access_token=t&x=%zz`, code: invalidResponse},
		{name: "form with a semicolon", contentType: "text/plain", body: `access_token=a;token_type=bearer`, code: invalidResponse},

		// Names: x/oauth2 alone takes the last of two, and any spelling.
		{name: "duplicate member", body: `{"access_token":"a","access_token":"b"}`, code: invalidResponse},
		{name: "duplicate by escape", body: `{"access_token":"a","access\u005ftoken":"b"}`, code: invalidResponse},
		{name: "duplicate of no interest", body: `{"access_token":"a","x":1,"x":2}`, code: invalidResponse},
		{name: "duplicate in a form", contentType: "text/plain", body: `access_token=a&access_token=b`, code: invalidResponse},
		{name: "other case", body: `{"Access_Token":"a"}`, code: "missing_token"},

		// Errors.
		{name: "error object without type", body: `{"error":{"message":"m"}}`, code: "error"},
		{name: "error object with number", body: `{"error":{"code":100}}`, code: "100"},
		{name: "error object with object", body: `{"error":{"type":{"a":1}}}`, code: "error"},
		{name: "error list", body: `{"errors":[{"code":"bad"}]}`, code: "bad"},
		{name: "error list of strings", body: `{"error":["bad","worse"]}`, code: "bad"},
		{name: "error list of null", body: `{"errors":[null]}`, code: "error"},
		{name: "error number", body: `{"error":7}`, code: "7"},
		{name: "error fraction", body: `{"error":7.5}`, code: "7.5"},
		{name: "error true", body: `{"error":true}`, code: "error"},
		{name: "errcode", body: `{"errcode":40029,"errmsg":"m"}`, code: "40029"},
		{name: "error with a token", body: `{"access_token":"t","error":{"type":"bad"}}`, code: "bad"},
		{name: "error in a failed form", contentType: "text/plain", status: 400, body: `error=bad&error_description=words`, code: "bad"},
		{name: "error that is none", body: `{"access_token":"t","error":"","errors":[],"errcode":0}`, code: ok},
		{name: "error false", body: `{"access_token":"t","error":false}`, code: ok},
		{name: "error zero", body: `{"access_token":"t","error":0}`, code: ok},
		{name: "error null", body: `{"access_token":"t","error":null,"error_description":null}`, code: ok},
		{name: "error_description of another type", body: `{"access_token":"t","error_description":["x"]}`, code: ok},
		{name: "Error in another case", body: `{"access_token":"t","Error":"words","ERROR_URI":1}`, code: ok},
		{name: "huge error", body: `{"error":"` + strings.Repeat("x", 1<<19) + `"}`, code: "unreadable_error"},
		{name: "longest error", body: `{"error":"` + strings.Repeat("x", 64) + `"}`, code: strings.Repeat("x", 64)},
		{name: "error too long", body: `{"error":"` + strings.Repeat("x", 65) + `"}`, code: "unreadable_error"},
		{name: "huge error number", body: `{"error":1e300}`, code: "unreadable_error"},
		{name: "error with a line break", body: `{"error":"a\nlevel=INFO"}`, code: "unreadable_error"},
		{name: "error with an escape sequence", body: `{"error":"\u001b[31m"}`, code: "unreadable_error"},
		{name: "error of words", body: `{"error":"The code is wrong"}`, code: "unreadable_error"},
		{name: "error with quotes", body: `{"error":"a\"b"}`, code: "unreadable_error"},
		{name: "status 400 with a token", status: 400, body: `{"access_token":"t","token_type":"bearer"}`, code: "http_400"},
		{name: "status 429", status: 429, body: `slow down`, code: "http_429"},
		{name: "status 503", status: 503, body: `{}`, code: "server_error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.contentType == "" {
				tt.contentType = "application/json"
			}
			if tt.status == 0 {
				tt.status = 200
			}
			s := newTokenServer(t, tt.contentType, tt.status, tt.body)
			tok, err := s.exchange()
			if got := tokenErrorCode(t, err); got != tt.code {
				t.Fatalf("got error code %q, want %q", got, tt.code)
			}
			if n := s.requests.Load(); n != 1 {
				t.Errorf("got %d requests, want 1", n)
			}
			if tt.code == ok && (!strings.HasPrefix(tok.AccessToken, "t") && tok.AccessToken != long || tok.Type() != "Bearer") {
				t.Errorf("got token %.20q of type %q", tok.AccessToken, tok.Type())
			}
		})
	}
}

// encoding/json, beneath x/oauth2, matches names by Unicode case folding: these
// would replace what was checked.
func TestTokenLookalikes(t *testing.T) {
	body := `{"access_token":"good","acce\u017fs_token":"evil\r\nX: y","ACCESS_TOKEN":"evil",
		"to\u212aen_type":"mac","Token_Type":"mac","refre\u017fh_token":"evil","expire\u017f_in":"never","Expires_In":9}`
	tok, err := newTokenServer(t, "application/json", 200, body).exchange()
	if err != nil {
		t.Fatal(err)
	}
	if tok.AccessToken != "good" || tok.Type() != "Bearer" || tok.RefreshToken != "" || !tok.Expiry.IsZero() {
		t.Errorf("got token %q of type %q, refresh token %q, expiry %v", tok.AccessToken, tok.Type(), tok.RefreshToken, tok.Expiry)
	}
}

func TestTokenGzip(t *testing.T) {
	s := newTokenHandler(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("gzip is not accepted")
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, `{"access_token":"t"}`)
		z.Close()
	})
	if tok, err := s.exchange(); err != nil || tok.AccessToken != "t" {
		t.Errorf("got %v, %v", tok, err)
	}
}

// The token endpoint is recognised however its URL is spelled.
func TestTokenURLSpelling(t *testing.T) {
	s := newTokenServer(t, "application/json", 400, `{"error":"bad","error_description":"WORDS"}`)
	ctx, c := s.config()
	c.Endpoint.TokenURL = "HTTP" + s.URL[len("http"):] + "/a|b"
	ctx = context.WithValue(ctx, oauth2.HTTPClient, newClient(s.Client(), &Provider{}, c.Endpoint.TokenURL))
	_, err := c.Exchange(ctx, "CODE-CANARY")
	if got := tokenErrorCode(t, err); got != "bad" {
		t.Errorf("got error code %q, want bad", got)
	}
}

// Provider.TokenError sees failed answers, and only those.
func TestTokenErrorHook(t *testing.T) {
	mine := errors.New("mine")
	tests := []struct {
		name   string
		status int
		body   string
		hook   error
		called bool
		code   string
	}{
		{name: "error", status: 400, body: `{"error":"bad"}`, hook: mine, called: true},
		{name: "nil leaves it to us", status: 400, body: `{"error":"bad"}`, called: true, code: "bad"},
		{name: "error with status 200", status: 200, body: `{"error":{"code":190}}`, hook: mine, called: true},
		{name: "errors with status 200", status: 200, body: `{"errors":[{"errorType":"x"}]}`, hook: mine, called: true},
		{name: "errcode with status 200", status: 200, body: `{"errcode":1}`, hook: mine, called: true},
		{name: "failure without code", status: 500, body: `oops`, hook: mine, called: true},
		{name: "success", status: 200, body: `{"access_token":"t"}`, hook: mine},
		{name: "success with null error", status: 200, body: `{"access_token":1,"error":null}`, hook: mine, code: invalidResponse},
		{name: "unreadable", status: 200, body: `<html>`, hook: mine, code: invalidResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newTokenServer(t, "application/json", tt.status, tt.body)
			called := false
			s.hook = func(status int, body []byte) error {
				called = true
				if status != tt.status || string(body) != tt.body {
					t.Errorf("got status %d and body %q", status, body)
				}
				return tt.hook
			}
			_, err := s.exchange()
			if called != tt.called {
				t.Errorf("got called %v, want %v", called, tt.called)
			}
			if called && tt.hook != nil {
				if !errors.Is(err, mine) {
					t.Errorf("got %v, want the error of the hook", err)
				}
			} else if got := tokenErrorCode(t, err); got != tt.code {
				t.Errorf("got error code %q, want %q", got, tt.code)
			}
		})
	}
}

func TestScopesOf(t *testing.T) {
	requested := []string{"a", "b"}
	tests := []struct {
		scope any
		want  []string
	}{
		{nil, requested},
		{7.0, requested},
		{"", []string{}},
		{"x", []string{"x"}},
		{" x  y ", []string{"x", "y"}},
		{"x,y, z", []string{"x", "y", "z"}},
		{[]any{"x", 1.0, "y z"}, []string{"x", "y z"}},
	}
	for _, tt := range tests {
		tok := new(oauth2.Token).WithExtra(map[string]any{"scope": tt.scope})
		if got := scopesOf(tok, requested); !slices.Equal(got, tt.want) {
			t.Errorf("%v: got %q, want %q", tt.scope, got, tt.want)
		}
	}
}

// fixedAnswer is an http.RoundTripper that always gives the same answer.
type fixedAnswer struct {
	contentType string
	status      int
	body        []byte
}

func (f fixedAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: f.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {f.contentType}},
		Body:   io.NopCloser(bytes.NewReader(f.body)), ContentLength: -1,
	}, nil
}

// T66: whatever the answer, the result is a token that may be sent, or an error
// that may be logged.
func FuzzTokenResponse(f *testing.F) {
	for _, v := range tokenVectors(f) {
		if len(v.Body) < 1<<16 {
			f.Add(v.ContentType, v.Status, []byte(v.Body))
		}
	}
	f.Add("", 200, []byte(`{"access_token":"t","acce`+"\u017f"+`s_token":"\r\n","Error":"x"}`))
	c := &oauth2.Config{
		ClientID: "client", ClientSecret: "SECRET-CANARY",
		Endpoint: oauth2.Endpoint{TokenURL: "https://provider.example/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	f.Fuzz(func(t *testing.T, contentType string, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		base := &http.Client{Transport: fixedAnswer{contentType, status, body}}
		ctx := context.WithValue(context.Background(), oauth2.HTTPClient, newClient(base, &Provider{}, c.Endpoint.TokenURL))
		tok, err := c.Exchange(ctx, "CODE-CANARY")
		if err != nil {
			if code := tokenErrorCode(t, err); code == "" || safeCode(code) != code {
				t.Errorf("got error code %q", code)
			}
			return
		}
		idToken, _ := tok.Extra("id_token").(string)
		for _, s := range []string{tok.AccessToken, tok.RefreshToken, idToken} {
			if !headerSafe(s) {
				t.Errorf("got token %q", s)
			}
		}
		if tok.AccessToken == "" || tok.TokenType != "" && tok.TokenType != "Bearer" {
			t.Errorf("got token %q of type %q", tok.AccessToken, tok.TokenType)
		}
		if status/100 != 2 {
			t.Errorf("got a token from status %d", status)
		}
	})
}
