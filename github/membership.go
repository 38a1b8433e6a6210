package github

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/doorlatch/login"
)

// checkMembership returns nil if the person is an active member of one of the
// organizations, or if there are none. A Refusal says that they are not; any
// other error, that it could not be found out, which refuses the login as well.
func (a account) checkMembership(ctx context.Context, g *login.Grant) error {
	if len(a.organizations) == 0 {
		return nil
	}
	var hints []string
	for _, org := range a.organizations {
		active, hint, err := a.member(ctx, g, org)
		if active || err != nil {
			return err
		}
		hints = append(hints, hint)
	}
	return login.Refusal("Only members of " + list(a.organizations) + " on GitHub may log in here." + strings.Join(hints, ""))
}

// member reports whether the person is an active member of org and, if that is
// hidden, what can be done about it.
func (a account) member(ctx context.Context, g *login.Grant, org string) (active bool, hint string, err error) {
	var membership struct{ State string }
	_, err = a.get(ctx, g, "user/memberships/orgs/"+url.PathEscape(org), &membership)
	e, answered := asAnswer(err)
	switch {
	case err == nil:
		return membership.State == "active", "", nil // the other state is "pending": invited
	case !answered || e.limited():
		return false, "", err
	case e.status == http.StatusNotFound:
		return false, "", nil
	case e.status == http.StatusForbidden && strings.HasPrefix(e.header.Get("X-GitHub-SSO"), "required"):
		// The header goes on with a URL, which is not repeated: it would be the
		// provider's text on our page.
		return false, " " + org + " demands single sign-on: authorize this application for it in the settings of your GitHub account, then log in again.", nil
	case e.status == http.StatusForbidden:
		return false, " " + org + " has not approved this application, so we cannot see whether you are a member; its owners can approve it on GitHub.", nil
	}
	return false, "", err
}

// list writes names as people do: "a", "a or b", "a, b or c".
func list(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
