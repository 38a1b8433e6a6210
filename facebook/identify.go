package facebook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/doorlatch/login"
)

// identifyLongLived is Identify with [Config].LongLived.
func identifyLongLived(ctx context.Context, g *login.Grant) (*login.User, error) {
	token, err := exchange(ctx, g)
	if err != nil {
		return nil, err
	}
	g.Token = token
	return identify(ctx, g)
}

func identify(ctx context.Context, g *login.Grant) (*login.User, error) {
	var raw json.RawMessage
	if err := call(ctx, g, http.MethodGet, "me?fields=id,name,email,picture.type(large)", &raw); err != nil {
		return nil, err
	}
	var me struct {
		ID, Name, Email string
		Picture         struct {
			Data struct {
				URL          string
				IsSilhouette bool `json:"is_silhouette"`
			}
		}
	}
	if json.Unmarshal(raw, &me) != nil || !isNumber(me.ID) {
		return nil, fmt.Errorf("%w: GET me: want a user with an id", login.ErrProvider)
	}
	if err := permissions(ctx, g); err != nil {
		return nil, err
	}
	u := &login.User{
		ID:              me.ID,
		Name:            me.Name,
		UnverifiedEmail: me.Email,
		Picture:         me.Picture.Data.URL,
		Raw:             raw,
	}
	if me.Picture.Data.IsSilhouette {
		u.Picture = "" // nobody's
	}
	return u, nil
}

// isNumber reports whether s is one, however large: IDs are opaque, and kept as
// text.
func isNumber(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789") == ""
}

// permissions tells the grant what the person allowed, and what they did not: the
// dialog lets them choose, and the token says nothing about it. A third status,
// "expired", is neither.
func permissions(ctx context.Context, g *login.Grant) error {
	var answer struct {
		Data []struct{ Permission, Status string }
	}
	if err := call(ctx, g, http.MethodGet, "me/permissions", &answer); err != nil {
		return err
	}
	if answer.Data == nil {
		return fmt.Errorf("%w: GET me/permissions: want data", login.ErrProvider)
	}
	g.Scopes, g.Declined = nil, nil
	for _, p := range answer.Data {
		switch p.Status {
		case "granted":
			g.Scopes = append(g.Scopes, p.Permission)
		case "declined":
			g.Declined = append(g.Declined, p.Permission)
		}
	}
	return nil
}
