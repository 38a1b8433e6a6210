package facebook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/doorlatch/login"
)

const (
	maxSignedForm    = 8 << 10 // bytes
	maxSignedRequest = 4 << 10 // bytes
	maxSignedAge     = 24 * time.Hour
	maxClockSkew     = 5 * time.Minute
)

// SignedRequest reads what Facebook posts to the deauthorize callback of an app,
// when somebody has removed the app, and to the data deletion request callback,
// when somebody wants their data deleted. It returns the ID of that user at p, and
// when Facebook said so.
//
// The form field signed_request must carry an HMAC-SHA256 under p.ClientSecret,
// and have been issued within the last 24 hours, give or take 5 minutes of clock
// difference. Within that time anybody who has seen the request can send it again:
// compare issued with the time of the user's last login, so that it removes
// nothing that is newer. The callback may have any path; it cannot be behind
// [login.Auth.Require], since it is not the user who sends it.
//
// The error wraps [login.ErrBadCallback]; answer 400 then. It does not hold what
// was sent.
func SignedRequest(r *http.Request, p login.Provider) (user string, issued time.Time, err error) {
	value, err := signedField(r)
	if err == nil {
		user, issued, err = openSigned(value, p.ClientSecret, time.Now())
	}
	if err != nil {
		return "", time.Time{}, fmt.Errorf("%w: signed_request: %w", login.ErrBadCallback, err)
	}
	return user, issued, nil
}

func signedField(r *http.Request) (string, error) {
	if r.Method != http.MethodPost {
		return "", errors.New("want a POST")
	}
	if r.Body != nil {
		r.Body = http.MaxBytesReader(nil, r.Body, maxSignedForm)
	}
	if r.ParseForm() != nil { // an error that may quote the form
		return "", fmt.Errorf("want a form of at most %d bytes", maxSignedForm)
	}
	// Not r.Form: URLs are logged, and nothing that Facebook sends is there.
	values := r.PostForm["signed_request"]
	if len(values) != 1 {
		return "", fmt.Errorf("want one in the body, have %d", len(values))
	}
	return values[0], nil
}

// openSigned reads "signature.payload". Nothing is decoded before the signature of
// the payload, as it was sent, has been found to be good.
func openSigned(value, secret string, now time.Time) (user string, issued time.Time, err error) {
	fail := func(text string) (string, time.Time, error) { return "", time.Time{}, errors.New(text) }
	if secret == "" { // anybody can sign with it
		return fail("want a Provider with a ClientSecret")
	}
	if len(value) > maxSignedRequest {
		return fail("it is too long")
	}
	signature, payload, _ := strings.Cut(value, ".")
	have, err := decodeSigned(signature)
	if err != nil {
		return fail("want a signature in base64url")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(payload))
	if !hmac.Equal(have, mac.Sum(nil)) {
		return fail("the signature is not Facebook's")
	}
	b, err := decodeSigned(payload)
	if err != nil {
		return fail("want a payload in base64url")
	}
	var said signedPayload
	if json.Unmarshal(b, &said) != nil {
		return fail("want a payload of JSON")
	}
	return said.check(now)
}

// decodeSigned accepts base64url without padding, which is how Facebook describes
// it, and with, which has been seen.
func decodeSigned(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // which encoding/base64 ignores
		return nil, errors.New("line break")
	}
	if strings.HasSuffix(s, "=") {
		return base64.URLEncoding.Strict().DecodeString(s)
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

type signedPayload struct {
	Algorithm string
	IssuedAt  int64           `json:"issued_at"`
	UserID    string          `json:"user_id"`
	Code      json.RawMessage // of the JavaScript SDK
	Token     json.RawMessage `json:"oauth_token"` // of a page within Facebook
}

func (p *signedPayload) check(now time.Time) (user string, issued time.Time, err error) {
	issued = time.Unix(p.IssuedAt, 0)
	switch {
	case p.Algorithm != "HMAC-SHA256":
		err = errors.New("want the algorithm HMAC-SHA256")
	case p.Code != nil || p.Token != nil:
		// The cookie of the JavaScript SDK is signed alike. Whoever got hold of
		// somebody's must not have their data deleted by it.
		err = errors.New("want a callback's, have one that logs in")
	case p.IssuedAt <= 0 || now.Sub(issued) > maxSignedAge+maxClockSkew:
		err = errors.New("it was issued too long ago")
	case issued.Sub(now) > maxClockSkew:
		err = errors.New("it was issued in the future")
	case !isNumber(p.UserID):
		err = errors.New("want a user_id")
	}
	if err != nil {
		return "", time.Time{}, err
	}
	return p.UserID, issued, nil
}
