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

// prove is the Provider.Authorize: it sends the token in the header, and
// appsecret_proof beside it: without the app secret, a stolen token is of no use
// to anybody else. The proof is in the query, where Facebook wants it; it cannot
// be used without the token either.
func prove(r *http.Request, g *login.Grant) {
	r.Header.Set("Authorization", "Bearer "+g.Token.AccessToken)
	mac := hmac.New(sha256.New, []byte(g.Provider.ClientSecret))
	mac.Write([]byte(g.Token.AccessToken))
	u := *r.URL // which a clone of the request may share with the original
	q := u.Query()
	q.Set("appsecret_proof", hex.EncodeToString(mac.Sum(nil)))
	u.RawQuery = q.Encode()
	r.URL = &u
}

// call sends a request to the Graph API as the user and reads the answer into v.
// path is relative to the version. The error is an *Error if Facebook explains
// it, and wraps login.ErrProvider in any case.
func call(ctx context.Context, g *login.Grant, method, path string, v any) error {
	r, err := http.NewRequestWithContext(ctx, method, path, nil)
	if err != nil {
		return fmt.Errorf("%w: want a path", login.ErrProvider)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s %s: "+format, append([]any{login.ErrProvider, method, r.URL.Path}, args...)...)
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
