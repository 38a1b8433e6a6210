package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// tokenError gives one failure the name that it has elsewhere: a refresh token
// that was used, expired or withdrawn is invalid_grant in RFC 6749 section 5.2,
// and by that name a session is known to be over. The rest of a refresh is as in
// that RFC, so there is no Renew.
func tokenError(status int, body []byte) error {
	var failed struct{ Error string }
	if json.Unmarshal(body, &failed) != nil {
		form, _ := url.ParseQuery(string(body))
		failed.Error = form.Get("error")
	}
	if failed.Error != "bad_refresh_token" {
		return nil
	}
	return &oauth2.RetrieveError{Response: &http.Response{StatusCode: status}, ErrorCode: "invalid_grant"}
}

var errNoBase = errors.New("github: revoke: want a base URL in Provider.API")

// revoke ends the one access token, as the app, not as the user.
func (a account) revoke(ctx context.Context, g *login.Grant) error {
	if g.Token == nil || g.Token.AccessToken == "" {
		return fmt.Errorf("%w: nothing to revoke", login.ErrNoToken)
	}
	p := &g.Provider
	if len(p.API) == 0 {
		return errNoBase
	}
	body, err := json.Marshal(map[string]string{"access_token": g.Token.AccessToken})
	if err != nil {
		return err
	}
	u := p.API[0] + "/applications/" + url.PathEscape(p.ClientID) + "/token"
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, u, bytes.NewReader(body))
	if err != nil {
		return errNoBase
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(p.ClientID, p.ClientSecret)
	resp, err := a.do(oauth2.NewClient(ctx, nil), r) // the client that ctx carries
	if err != nil {
		return fmt.Errorf("%w: revoke: %w", login.ErrProvider, err)
	}
	switch resp.Status {
	case http.StatusNoContent, http.StatusNotFound, http.StatusUnprocessableEntity: // done, or done before
		return nil
	}
	return fmt.Errorf("%w: revoke: %w", login.ErrProvider, &answer{resp.Status, resp.Header})
}
