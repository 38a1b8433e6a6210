package facebook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/fetch"
)

// tokenKey is the key, in the context of a request, of the token that it carries
// in place of the grant's: that of a page, or of the app itself. So these requests
// too go out by Grant.Client, with its bounds and only to the Graph API.
type tokenKey struct{}

func withToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, tokenKey{}, token)
}

// prove is the Provider.Authorize: it sends the token in the header, and
// appsecret_proof beside it: without the app secret, a stolen token is of no use
// to anybody else. The proof is that of the very token in the header. It is in the
// query, where Facebook wants it; it cannot be used without the token either.
func prove(r *http.Request, g *login.Grant) {
	token, ok := r.Context().Value(tokenKey{}).(string)
	if !ok {
		token = g.Token.AccessToken
	}
	r.Header.Set("Authorization", "Bearer "+token)
	mac := hmac.New(sha256.New, []byte(g.Provider.ClientSecret))
	mac.Write([]byte(token))
	u := *r.URL // which a clone of the request may share with the original
	q := u.Query()
	q.Set("appsecret_proof", hex.EncodeToString(mac.Sum(nil)))
	u.RawQuery = q.Encode()
	r.URL = &u
}

// hasToken reports whether there is something to act with.
func hasToken(g *login.Grant) bool { return g.Token != nil && g.Token.AccessToken != "" }

// call sends a request to the Graph API as the user and reads the answer into v.
// path is relative to the version; its query is in no error. The error is an *Error if Facebook explains
// it, and wraps login.ErrProvider in any case.
func call(ctx context.Context, g *login.Grant, method, path string, v any) error {
	r, err := http.NewRequestWithContext(ctx, method, path, nil)
	if err != nil {
		return fmt.Errorf("%w: want a path", login.ErrProvider)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s %s: "+format, append([]any{login.ErrProvider, method, r.URL.Path}, args...)...)
	}
	if g.Client == nil {
		return fail("want a Grant with a Client")
	}
	resp, err := fetch.Do(g.Client, r)
	if err != nil {
		return fail("%w", err)
	}
	if e := parseError(resp.Status, resp.Body); e != nil {
		return fail("%w", e)
	}
	if resp.Status != http.StatusOK {
		return fail("%w", &Error{Status: resp.Status})
	}
	// Graph has been seen to call JSON text/javascript.
	if !resp.JSON() && resp.MediaType() != "text/javascript" {
		return fail("want JSON, have another content type")
	}
	if json.Unmarshal(resp.Body, v) != nil { // an error that may quote the answer
		return fail("the answer is not the JSON that was expected")
	}
	return nil
}
