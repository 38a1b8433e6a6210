package logintest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
)

// R57: more pages than fit one answer come in several, with cursors; and the URL of
// the next, which holds the token, is of no use.
func TestFacebookPaging(t *testing.T) {
	var ids []string
	for i := range 130 {
		ids = append(ids, strconv.Itoa(200000000000000+i))
	}
	s := newFacebook(t, login.User{Name: "Grace", Extra: map[string]string{"pages": strings.Join(ids, ",")}})
	token := facebookLogin(t, s, "pages_show_list")
	tests := []struct {
		limit   string
		answers int
	}{
		{"", 6}, {"10", 13}, {"65", 2}, {"100", 2}, {"130", 2}, {"9999", 2},
	}
	for _, tt := range tests {
		t.Run("limit "+tt.limit, func(t *testing.T) {
			var got []string
			answers, after := 0, ""
			for answers < 20 {
				q := url.Values{"after": {after}, "limit": {tt.limit}}
				var list struct {
					Data   []struct{ ID string }
					Paging struct {
						Cursors struct{ After string }
						Next    string
					}
				}
				if a := graph(t, s, token, "/me/accounts?"+q.Encode()); json.Unmarshal([]byte(a.body), &list) != nil {
					t.Fatalf("got %v, want a list", a)
				}
				answers++
				for _, page := range list.Data {
					got = append(got, page.ID)
				}
				if list.Paging.Next == "" {
					break
				}
				if !strings.Contains(list.Paging.Next, token) {
					t.Errorf("got next %q, want the token in it", list.Paging.Next)
				}
				after = list.Paging.Cursors.After
			}
			if fmt.Sprint(got) != fmt.Sprint(ids) || answers != tt.answers {
				t.Errorf("got %d pages in %d answers, want all %d in %d", len(got), answers, len(ids), tt.answers)
			}
		})
	}
	wantProblems(t, s, 0)
	next := graph(t, s, token, "/me/accounts").json(t)["paging"].(map[string]any)["next"].(string)
	wantStatus(t, get(t, next), http.StatusBadRequest)
	for _, query := range []string{"limit=0", "limit=-1", "limit=x", "after=x", "after=LTE"} { // -1
		wantStatus(t, graph(t, s, token, "/me/accounts?"+query), http.StatusBadRequest)
	}
}

// R55, R61: debug_token, too, takes no wrong proof, and wants one where one is
// required: that of the app's token.
func TestFacebookDebugTokenProof(t *testing.T) {
	s := newFacebook(t)
	token, app := facebookLogin(t, s, "email"), s.ClientID+"|"+s.ClientSecret
	s.RequireProof = true
	proof := func(token string) string {
		mac := hmac.New(sha256.New, []byte(s.ClientSecret))
		mac.Write([]byte(token))
		return "&appsecret_proof=" + hex.EncodeToString(mac.Sum(nil))
	}
	path := "/debug_token?input_token=" + token
	wantShape(t, graph(t, s, app, path), "facebook/me_error_appsecret_proof_required")
	wantShape(t, graph(t, s, app, path+proof(token)), "facebook/me_error_bad_appsecret_proof")
	wantShape(t, graph(t, s, app, path+proof(app)), "facebook/debug_token_user")
}

// The signed_request of the callbacks.
func TestFacebookSignedRequest(t *testing.T) {
	s, c := newFacebook(t), &clock{now: time.Unix(1790000000, 0)}
	s.Now = c.Now
	signature, encoded, ok := strings.Cut(s.SignedRequest("1000000000000017"), ".")
	mac := hmac.New(sha256.New, []byte(s.ClientSecret))
	mac.Write([]byte(encoded))
	if want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); !ok || signature != want {
		t.Errorf("got the signature %q, want %q", signature, want)
	}
	b, err := base64.RawURLEncoding.DecodeString(encoded)
	var payload map[string]any
	if err != nil || json.Unmarshal(b, &payload) != nil {
		t.Fatalf("got %q, want JSON", b)
	}
	want := map[string]any{"algorithm": "HMAC-SHA256", "issued_at": 1790000000.0, "user_id": "1000000000000017"}
	if fmt.Sprint(payload) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", payload, want)
	}
}
