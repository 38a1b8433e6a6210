package logintest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// SignedRequest returns the signed_request that Facebook posts, as the field of a
// form, to the deauthorize and the data deletion callback of the app, about the
// user with that ID. It sends nothing.
func (s *Facebook) SignedRequest(user string) string {
	set := s.read(s.settings)
	payload, err := json.Marshal(map[string]any{
		"algorithm": "HMAC-SHA256", "issued_at": set.now().Unix(), "user_id": user,
	})
	if err != nil {
		panic(err) // a map of text and a number always is JSON
	}
	encoded := base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(set.clientSecret))
	mac.Write([]byte(encoded))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + encoded
}
