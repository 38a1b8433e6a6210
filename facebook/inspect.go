package facebook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/doorlatch/login"
)

// An Inspection is what Facebook says about a token. It holds no secret.
type Inspection struct {
	// Valid says that the token works. If it does not, Reason holds the codes of
	// why: see [Error.Expired], and 190 with subcodes such as 463 (expired), 460
	// (password changed) and 458 (app removed). Code is 0 if Facebook names none.
	// Reason is nil only if Valid is true.
	Valid  bool
	Reason *Error

	Type string // whose token it is: "USER", "PAGE" and the like
	User string // ID of the person who gave it, as in login.User; may be empty
	Page string // ID of the page, if it is the token of one

	// Scopes are the permissions that the token has.
	Scopes []string

	// Expires is when the token ends by itself. If zero, it does not, or
	// Facebook does not say.
	Expires time.Time

	// DataExpires is when it stops to be good for data about the person, who
	// has to log in again before: about 90 days after they last did. If zero,
	// Facebook does not say.
	DataExpires time.Time
}

// Inspect asks Facebook about g.Token (debug_token), as the app rather than as the
// user. A token that has expired or was withdrawn is not an error; Valid is false
// then. The error wraps [login.ErrNoToken] if there is no token, or if it is one
// that another app got. All other errors wrap [login.ErrProvider], and are an
// [*Error] if Facebook explains them; a token of another app may end so, too.
//
// A token that a client handed in is somebody's only if the error is nil and Valid
// is true, and it is that of User.
//
// g is that of [login.Config].OnLogin, or one with Provider, Token and Client, the
// latter two from [login.Auth]. The app secret is in the header of the request.
// The inspected token is in the URL, since that is how Facebook takes it, but in
// no error.
func Inspect(ctx context.Context, g *login.Grant) (*Inspection, error) {
	if !hasToken(g) {
		return nil, fmt.Errorf("%w: nothing to inspect", login.ErrNoToken)
	}
	p := &g.Provider
	var answer struct{ Data *debugToken }
	path := "debug_token?input_token=" + url.QueryEscape(g.Token.AccessToken)
	if err := call(withToken(ctx, p.ClientID+"|"+p.ClientSecret), g, http.MethodGet, path, &answer); err != nil {
		return nil, err
	}
	if answer.Data == nil {
		return nil, fmt.Errorf("%w: GET debug_token: want data", login.ErrProvider)
	}
	d := answer.Data
	// The token of another app is one that anybody can have of its users. Of a
	// token that it cannot read, Facebook does not say whose it is.
	if app := d.AppID.String(); app != p.ClientID && (d.IsValid || app != "") {
		return nil, fmt.Errorf("%w: want a token of this app, have another's", login.ErrNoToken)
	}
	return d.inspection(), nil
}

// debugToken is Facebook's answer. Its IDs have been seen as numbers and as text.
type debugToken struct {
	AppID       json.Number `json:"app_id"`
	UserID      json.Number `json:"user_id"`
	ProfileID   json.Number `json:"profile_id"`
	Type        string
	IsValid     bool `json:"is_valid"`
	Scopes      []string
	ExpiresAt   int64 `json:"expires_at"`
	DataExpires int64 `json:"data_access_expires_at"`
	Error       struct{ Code, Subcode int }
}

func (d *debugToken) inspection() *Inspection {
	i := &Inspection{
		Valid: d.IsValid, Type: plain(d.Type), User: d.UserID.String(), Page: d.ProfileID.String(),
		Scopes: slices.Clone(d.Scopes), Expires: unix(d.ExpiresAt), DataExpires: unix(d.DataExpires),
	}
	if !i.Valid {
		i.Reason = &Error{Status: http.StatusOK, Code: d.Error.Code, Subcode: d.Error.Subcode}
	}
	return i
}

// unix returns the zero time for 0, by which Facebook means never.
func unix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// DaysLeft returns how many whole days from now the person has to log in again:
// when the token expires, or access to their data does, whichever is earlier. It is
// 0 for a token that is not valid, and ok is false if Facebook names no end.
func (i *Inspection) DaysLeft() (days int, ok bool) {
	end := i.Expires
	if end.IsZero() || !i.DataExpires.IsZero() && i.DataExpires.Before(end) {
		end = i.DataExpires
	}
	if !i.Valid {
		return 0, true
	}
	if end.IsZero() {
		return 0, false
	}
	return max(0, int(time.Until(end)/(24*time.Hour))), true
}
