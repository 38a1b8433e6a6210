package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/doorlatch/login"
)

// An account asks the REST API about the person who logs in. Everything else it
// needs, it takes from the grant.
type account struct {
	version       string
	organizations []string
}

func (a account) identify(ctx context.Context, g *login.Grant) (*login.User, error) {
	var raw json.RawMessage
	if _, err := a.get(ctx, g, "user", &raw); err != nil {
		return nil, err
	}
	var who struct {
		ID        int64
		Login     string
		Name      string
		Email     string
		AvatarURL string `json:"avatar_url"`
	}
	if json.Unmarshal(raw, &who) != nil || who.ID <= 0 {
		return nil, fmt.Errorf("%w: GET user: want an account with a positive id", login.ErrProvider)
	}
	if err := a.checkMembership(ctx, g); err != nil {
		return nil, err
	}
	u := &login.User{
		ID:       strconv.FormatInt(who.ID, 10),
		Username: who.Login,
		Name:     who.Name,
		Picture:  who.AvatarURL,
		Raw:      raw,
	}
	if u.Name == "" {
		u.Name = who.Login
	}
	primary, err := a.primaryAddress(ctx, g)
	switch {
	case err != nil:
		return nil, err
	case primary.Verified:
		u.Email = primary.Email
	case primary.Email != "":
		u.UnverifiedEmail = primary.Email
	default:
		// The profile shows an address of the person's choice, and does not say
		// whether it was verified.
		u.UnverifiedEmail = who.Email
	}
	return u, nil
}

// maxPages bounds the requests for e-mail addresses, 100 to the page.
const maxPages = 5

type address struct {
	Email             string
	Primary, Verified bool
}

// primaryAddress returns the primary e-mail address, or none where there is none
// to be seen: without the scope, or the permission of a GitHub App, the answer is
// 403 or 404.
func (a account) primaryAddress(ctx context.Context, g *login.Grant) (address, error) {
	for page := 1; page <= maxPages; page++ {
		var list []address
		header, err := a.get(ctx, g, "user/emails?per_page=100&page="+strconv.Itoa(page), &list)
		if e, ok := asAnswer(err); ok && !e.limited() && (e.status == http.StatusForbidden || e.status == http.StatusNotFound) {
			return address{}, nil
		}
		if err != nil {
			return address{}, err
		}
		for _, address := range list {
			if address.Primary {
				return address, nil
			}
		}
		if !hasNext(header) {
			break
		}
	}
	return address{}, nil
}
