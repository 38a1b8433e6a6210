package facebook_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/logintest"
)

const (
	issuedAt  = 1790000000 // of all signed requests in testdata
	deauthPay = `{"user_id":"1000000000000017","algorithm":"HMAC-SHA256","issued_at":1790000000}`
	formType  = "application/x-www-form-urlencoded"
)

// at runs f when it is that time.
func at(t *testing.T, when time.Time, f func(*testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(when)) // of the bubble, where it takes no time
		f(t)
	})
}

// sign returns the signed request that has exactly this payload.
func sign(payload, secret string, algorithm func() hash.Hash) string {
	encoded := base64.RawURLEncoding.EncodeToString([]byte(payload))
	return signature(encoded, secret, algorithm) + "." + encoded
}

func signature(encoded, secret string, algorithm func() hash.Hash) string {
	mac := hmac.New(algorithm, []byte(secret))
	mac.Write([]byte(encoded))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func signedForm(value string) string { return url.Values{"signed_request": {value}}.Encode() }

func posted(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/facebook/deauthorize", strings.NewReader(body))
	r.Header.Set("Content-Type", formType)
	return r
}

// What Facebook sends, and what it does not.
func TestSignedRequestFixtures(t *testing.T) {
	for name, ok := range map[string]bool{
		"signed_request_deauthorize":     true,
		"signed_request_data_deletion":   true,
		"signed_request_other_algorithm": false,
		"signed_request_tampered":        false,
	} {
		t.Run(name, func(t *testing.T) {
			var f struct {
				Payload  struct{ Algorithm string }
				Callback struct {
					ContentType string `json:"content_type"`
					Form        map[string]string
				}
			}
			b, err := os.ReadFile("testdata/" + name + ".json")
			if err != nil || json.Unmarshal(b, &f) != nil || f.Callback.ContentType != formType {
				t.Fatal("want a form", err)
			}
			at(t, time.Unix(issuedAt+60, 0), func(t *testing.T) {
				user, issued, err := facebook.SignedRequest(posted(signedForm(f.Callback.Form["signed_request"])), facebook.New(clientID, clientSecret))
				wantSigned(t, user, issued, err, ok)
			})
		})
	}
}

func wantSigned(t *testing.T, user string, issued time.Time, err error, ok bool) {
	t.Helper()
	switch {
	case ok && (err != nil || user != "1000000000000017" || !issued.Equal(time.Unix(issuedAt, 0))):
		t.Errorf("got user %q at %v, error %v, want the one of the fixture", user, issued, err)
	case !ok && (user != "" || !issued.IsZero() || !errors.Is(err, login.ErrBadCallback)):
		t.Errorf("got user %q at %v, error %v, want ErrBadCallback", user, issued, err)
	case !ok:
		canaries.NotIn(t, err.Error())
		for _, sent := range []string{"1000000000000017", "eyJ", "HMAC-SHA1"} {
			if strings.Contains(err.Error(), sent) {
				t.Errorf("got %q, want it without what was sent", err)
			}
		}
	}
}

// Every part of a signed request counts.
func TestSignedRequest(t *testing.T) {
	good := sign(deauthPay, clientSecret, sha256.New)
	mac, payload, _ := strings.Cut(good, ".")
	withPayload := func(payload string) string { return sign(payload, clientSecret, sha256.New) }
	change := func(old, new string) string { return withPayload(strings.Replace(deauthPay, old, new, 1)) }
	padded := base64.URLEncoding.EncodeToString([]byte(deauthPay + " "))
	if !strings.HasSuffix(padded, "=") {
		t.Fatal("want a payload with padding")
	}
	encodedRawly := base64.RawStdEncoding.EncodeToString([]byte(`{"x":"???>>>",` + deauthPay[1:]))
	half, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil {
		t.Fatal(err)
	}
	half = half[:len(half)/2]
	other := append(half[:len(half):len(half)], make([]byte, len(half))...)
	tests := []struct {
		name, value string
		want        bool
	}{
		{"as Facebook sends it", good, true},
		{"with padding", signature(padded, clientSecret, sha256.New) + "=." + padded, true},
		{"old members", change(`{`, `{"user":{"country":"gb","locale":"en_GB"},"expires":0,`), true},

		{"nothing", "", false},
		{"a dot", ".", false},
		{"no payload", mac, false},
		{"no signature", "." + payload, false},
		{"payload first", payload + "." + mac, false},
		{"three parts", good + ".x", false},
		{"signature cut", mac[:20] + "." + payload, false},
		{"half of the signature", base64.RawURLEncoding.EncodeToString(half) + "." + payload, false},
		{"half of the signature, and another", base64.RawURLEncoding.EncodeToString(other) + "." + payload, false},
		{"another secret", sign(deauthPay, "another", sha256.New), false},
		{"no secret", sign(deauthPay, "", sha256.New), false},
		{"the ID for the secret", sign(deauthPay, clientID, sha256.New), false},
		{"another payload", mac + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(deauthPay, "17", "18", 1))), false},
		{"MAC of the decoded payload", signature(deauthPay, clientSecret, sha256.New) + "." + payload, false},
		{"MAC by SHA-1", sign(deauthPay, clientSecret, sha1.New), false},
		{"MAC of nothing, and nothing", signature("", clientSecret, sha256.New) + ".", false},
		{"too much padding", mac + "==." + payload, false},
		{"line break in the signature", mac[:10] + "\n" + mac[10:] + "." + payload, false},
		{"line break in the payload", signature(payload+"\n", clientSecret, sha256.New) + "." + payload + "\n", false},
		{"signature with spare bits", mac[:42] + next(mac[42]) + "." + payload, false},
		{"the other alphabet", signature(encodedRawly, clientSecret, sha256.New) + "." + encodedRawly, false},

		{"another algorithm", change("HMAC-SHA256", "HMAC-SHA1"), false},
		{"algorithm none", change("HMAC-SHA256", "none"), false},
		{"algorithm in lower case", change("HMAC-SHA256", "hmac-sha256"), false},
		{"no algorithm", change(`"algorithm":"HMAC-SHA256",`, ""), false},
		{"no user", change(`"user_id":"1000000000000017",`, ""), false},
		{"empty user", change("1000000000000017", ""), false},
		{"a path for a user", change("1000000000000017", "../17"), false},
		{"an object for a user", change(`"1000000000000017"`, `{"id":"1000000000000017"}`), false},
		{"no time", change(`,"issued_at":1790000000`, ""), false},
		{"text for a time", change("1790000000", `"1790000000"`), false},
		{"time in milliseconds", change("1790000000", "1790000000000"), false},
		{"the last of times", change("1790000000", "9223372036854775807"), false},
		{"the first of times", change("1790000000", "-9223372036854775808"), false},
		{"a cookie of the JavaScript SDK", change(`{`, `{"code":"AQSYNTHETIC",`), false},
		{"a page within Facebook", change(`{`, `{"oauth_token":"EAASYNTHETIC",`), false},
		{"null", withPayload("null"), false},
		{"list", withPayload("[" + deauthPay + "]"), false},
		{"two objects", withPayload(deauthPay + deauthPay), false},
		{"too long", change(`{`, `{"x":"`+strings.Repeat("x", 4096)+`",`), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at(t, time.Unix(issuedAt, 0), func(t *testing.T) {
				user, issued, err := facebook.SignedRequest(posted(signedForm(tt.value)), facebook.New(clientID, clientSecret))
				wantSigned(t, user, issued, err, tt.want)
			})
		})
	}
}

// next returns the letter of base64url behind c: the same four bits and others that
// do not count, at the end of a SHA-256.
func next(c byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return letters[strings.IndexByte(letters, c)+1:][:1]
}

// A day, and five minutes for clocks that differ.
func TestSignedRequestTime(t *testing.T) {
	const day, skew = 24 * time.Hour, 5 * time.Minute
	for _, tt := range []struct {
		age  time.Duration
		want bool
	}{
		{0, true}, {time.Hour, true}, {day, true}, {day + skew, true}, {day + skew + time.Second, false}, {30 * day, false},
		{-skew, true}, {-skew - time.Second, false}, {-30 * day, false},
	} {
		t.Run(tt.age.String(), func(t *testing.T) {
			at(t, time.Unix(issuedAt, 0).Add(tt.age), func(t *testing.T) {
				value := sign(deauthPay, clientSecret, sha256.New)
				user, issued, err := facebook.SignedRequest(posted(signedForm(value)), facebook.New(clientID, clientSecret))
				wantSigned(t, user, issued, err, tt.want)
			})
		})
	}
}

// It comes in the body of a small POST, once.
func TestSignedRequestForm(t *testing.T) {
	form := signedForm(sign(deauthPay, clientSecret, sha256.New))
	request := func(method, target, contentType, body string) *http.Request {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		return r
	}
	parsed := posted(form)
	parsed.FormValue("x")
	noBody := posted(form)
	noBody.Body = nil
	tests := []struct {
		name string
		r    *http.Request
		want bool
	}{
		{"form", posted(form), true},
		{"form with a charset", request("POST", "/", formType+"; charset=utf-8", form), true},
		{"form with more", posted("a=b&" + form), true},
		{"form that was parsed before", parsed, true},
		{"a query beside it", request("POST", "/?a=b", formType, form), true},
		{"GET", request("GET", "/?"+form, "", ""), false},
		{"PUT", request("PUT", "/", formType, form), false},
		{"in the URL", request("POST", "/?"+form, formType, ""), false},
		{"twice", posted(form + "&" + form), false},
		{"not there", posted("a=b"), false},
		{"JSON", request("POST", "/", "application/json", `{"signed_request":"x"}`), false},
		{"text", request("POST", "/", "text/plain", form), false},
		{"broken form", posted(form + "&x=%zz1000000000000017"), false},
		{"large form", posted(form + "&x=" + strings.Repeat("x", 8192)), false},
		{"no body", noBody, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at(t, time.Unix(issuedAt, 0), func(t *testing.T) {
				user, issued, err := facebook.SignedRequest(tt.r, facebook.New(clientID, clientSecret))
				wantSigned(t, user, issued, err, tt.want)
			})
		})
	}
}

// Without a secret, anybody could sign.
func TestSignedRequestWithoutSecret(t *testing.T) {
	at(t, time.Unix(issuedAt, 0), func(t *testing.T) {
		user, issued, err := facebook.SignedRequest(posted(signedForm(sign(deauthPay, "", sha256.New))), login.Provider{ClientID: clientID})
		wantSigned(t, user, issued, err, false)
	})
}

// A handler over a connection, with what the stand-in sends.
func TestSignedRequestServed(t *testing.T) {
	fb := logintest.NewFacebook()
	defer fb.Close()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, issued, err := facebook.SignedRequest(r, fb.Provider())
		if err != nil || user != "90000001" || time.Since(issued).Abs() > time.Minute {
			t.Errorf("got user %q at %v, error %v, want the first of the stand-in, now", user, issued, err)
		}
	}))
	defer app.Close()
	resp, err := app.Client().PostForm(app.URL, url.Values{"signed_request": {fb.SignedRequest("90000001")}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
