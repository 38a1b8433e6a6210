package facebook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login/facebook"
)

// FuzzSignedRequest: whatever is posted, nothing panics, and what is accepted keeps
// to the rules. text is the whole request or, if ours, a payload that is signed as
// Facebook does, so that the fuzzer gets past the signature.
func FuzzSignedRequest(f *testing.F) {
	f.Add(deauthPay, true, int64(issuedAt))
	f.Fuzz(func(t *testing.T, text string, ours bool, now int64) {
		value := text
		if ours {
			value = sign(text, clientSecret, sha256.New)
		}
		user, issued, err := facebook.OpenSigned(value, clientSecret, time.Unix(now, 0))
		if err != nil {
			if user != "" || !issued.IsZero() {
				t.Errorf("got user %q at %v beside the error %v", user, issued, err)
			}
			known := map[string]bool{
				"it is too long": true, "want a signature in base64url": true, "the signature is not Facebook's": true,
				"want a payload in base64url": true, "want a payload of JSON": true, "want the algorithm HMAC-SHA256": true,
				"want a callback's, have one that logs in": true, "it was issued too long ago": true,
				"it was issued in the future": true, "want a user_id": true,
			}
			if !known[err.Error()] {
				t.Errorf("got %q, which may quote what was sent", err)
			}
			return
		}
		checkAccepted(t, value, user, issued, now)
	})
}

// checkAccepted holds a request that was accepted to the rules, with means of its
// own.
func checkAccepted(t *testing.T, value, user string, issued time.Time, now int64) {
	if user == "" || len(user) > 64 || strings.Trim(user, "0123456789") != "" {
		t.Errorf("accepted the user %q", user)
	}
	if age := now - issued.Unix(); age > 86400+300 || age < -300 {
		t.Errorf("accepted at %d what was issued at %d", now, issued.Unix())
	}
	parts := strings.Split(value, ".")
	if len(parts) != 2 || len(value) > 4096 {
		t.Fatalf("accepted %d parts, %d bytes", len(parts), len(value))
	}
	mac := hmac.New(sha256.New, []byte(clientSecret))
	mac.Write([]byte(parts[1]))
	if want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); strings.TrimSuffix(parts[0], "=") != want {
		t.Errorf("accepted the signature %q, want %q", parts[0], want)
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		t.Fatalf("accepted a payload that is not base64url: %v", err)
	}
	stated := members(t, b)
	for name, want := range map[string]any{
		"algorithm": "HMAC-SHA256", "user_id": user, "issued_at": json.Number(strconv.FormatInt(issued.Unix(), 10)),
	} {
		if !slices.Contains(stated[name], want) {
			t.Errorf("accepted %s, whose %s is not %v", b, name, want)
		}
	}
	if stated["code"] != nil || stated["oauth_token"] != nil {
		t.Errorf("accepted %s, which logs in", b)
	}
}

// members returns all that the object b says under the names that matter, which
// encoding/json finds in any case.
func members(t *testing.T, b []byte) map[string][]any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		t.Fatalf("accepted %q, which is no object", b)
	}
	all := map[string][]any{}
	for d.More() {
		name, _ := d.Token()
		var value any
		if err := d.Decode(&value); err != nil {
			t.Fatalf("accepted %q, which is no JSON: %v", b, err)
		}
		for _, known := range []string{"algorithm", "user_id", "issued_at", "code", "oauth_token"} {
			if text, ok := name.(string); ok && strings.EqualFold(text, known) {
				all[known] = append(all[known], value)
			}
		}
	}
	return all
}
