package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/doorlatch/login"
)

// A Verifier says whose access token that is and what it may be used for. The
// error is [ErrToken] if the token is not good. Any other error means that
// nobody knows, because the issuer cannot be asked. It is called by many
// goroutines.
type Verifier interface {
	Verify(ctx context.Context, token string) (u *login.User, scopes []string, err error)
}

// ErrToken is the error of a token that opens nothing: false, expired, revoked,
// or made for another API.
var ErrToken = errors.New("the access token is not good")

const maxToken = 8 << 10 // bytes

// Bearer admits requests with an access token (RFC 6750) to an API that also
// takes the session of a browser.
type Bearer struct {
	Auth     *login.Auth
	Verifier Verifier

	// Realm names the API to those who are turned away. It has no quotes.
	Realm string

	// CrossSite judges requests that come with a cookie, or with nothing. It
	// trusts the origin of login.Config.URL.
	CrossSite *http.CrossOriginProtection
}

// Accept hands a request with a good token to next, with the token's user in the
// context: [login.UserFrom] and [login.Auth.Require] make no difference. It
// stands outside [login.Auth.Wrap], and the request it hands on has no Cookie
// header: so the token alone decides who sends it, and no session is begun, read
// or prolonged. A request without a token is passed on to the session.
//
// A token counts in the Authorization header only. The other two places of RFC
// 6750 are refused rather than ignored: URLs are logged, kept in histories and
// sent on as Referer (section 5.3), and forms can be sent by any page.
func (b *Bearer) Accept(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		token, err := bearerToken(r)
		switch {
		case err != nil:
			b.refuse(w, http.StatusBadRequest, "invalid_request", err.Error())
		case token != "":
			b.admit(w, r, token, next)
		case b.CrossSite.Check(r) != nil:
			// Browsers add cookies to what other sites send, too (CSRF). Nobody
			// but the client itself adds a token.
			b.refuse(w, http.StatusForbidden, "", "another site sent this request")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (b *Bearer) admit(w http.ResponseWriter, r *http.Request, token string, next http.Handler) {
	u, scopes, err := b.Verifier.Verify(r.Context(), token)
	switch {
	case errors.Is(err, ErrToken):
		slog.DebugContext(r.Context(), "api: token refused", "error", err)
		b.refuse(w, http.StatusUnauthorized, "invalid_token", ErrToken.Error())
	case err != nil:
		// Not 401: the client would throw a good token away.
		slog.ErrorContext(r.Context(), "api: token not verified", "error", err)
		b.refuse(w, http.StatusServiceUnavailable, "", "the issuer of the token cannot be asked at the moment")
	default:
		r = r.Clone(context.WithValue(login.WithUser(r.Context(), u), scopesKey{}, scopes))
		r.Header.Del("Cookie")
		next.ServeHTTP(w, r)
	}
}

// b64token is what a token is made of (RFC 6750 section 2.1).
var b64token = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// bearerToken returns the token of r, "" if it has none. The error is for those
// who send it in a wrong way.
func bearerToken(r *http.Request) (string, error) {
	if err := r.ParseForm(); err != nil { // reads 10 MB at most, and no other body than a form
		return "", errors.New("the query or the form cannot be read")
	}
	if r.Form.Has("access_token") {
		return "", errors.New("want the token in the Authorization header, and not in the URL or a form")
	}
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return "", errors.New("want one Authorization header, have several")
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	if token = strings.Trim(token, " "); !b64token.MatchString(token) {
		return "", errors.New("want one token after Bearer")
	}
	return token, nil
}

type scopesKey struct{}

// Require admits whoever is logged in and, of the requests with a token, those
// whose token has the scope; "" asks for none. A session has no scopes: it is the
// person.
func (b *Bearer) Require(scope string, next http.Handler) http.Handler {
	known := b.Auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scopes, limited := r.Context().Value(scopesKey{}).([]string)
		if limited && scope != "" && !slices.Contains(scopes, scope) {
			w.Header().Set("WWW-Authenticate", b.challenge("insufficient_scope", "the token has not the scope")+fmt.Sprintf(`, scope="%s"`, scope))
			writeProblem(w, http.StatusForbidden, "insufficient_scope", "want a token with the scope "+scope)
			return
		}
		next.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if login.UserFrom(r.Context()) == nil {
			w = &challenged{w, b.challenge("", "")}
		}
		known.ServeHTTP(w, r)
	})
}

// challenged says how to come again where Auth.Require answers 401.
type challenged struct {
	http.ResponseWriter
	challenge string
}

func (w *challenged) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		w.Header().Add("WWW-Authenticate", w.challenge)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *challenged) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// refuse answers with an error code of RFC 6750 section 3.1; without one there is
// no fault in the token.
func (b *Bearer) refuse(w http.ResponseWriter, status int, code, detail string) {
	if code != "" {
		w.Header().Set("WWW-Authenticate", b.challenge(code, detail))
	}
	writeProblem(w, status, code, detail)
}

// challenge is RFC 6750 section 3.
func (b *Bearer) challenge(code, description string) string {
	if code == "" {
		return fmt.Sprintf(`Bearer realm="%s"`, b.Realm)
	}
	return fmt.Sprintf(`Bearer realm="%s", error="%s", error_description="%s"`, b.Realm, code, description)
}

// writeProblem is RFC 9457.
func writeProblem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Error  string `json:"error,omitempty"`
	}{"about:blank", http.StatusText(status), status, detail, code})
}
