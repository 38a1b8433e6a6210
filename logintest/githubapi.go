package logintest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorlatch/login"
)

const githubAPI = "/api/v3"

// A githubCall is a request to the API with a good token.
type githubCall struct {
	*call
	u      *login.User
	scopes []string
	isApp  bool // a GitHub App has no scopes; permissions are taken as given
}

// api admits requests with a good token, and adds the headers that GitHub adds.
func (s *GitHub) api(h func(*githubCall)) func(*call) {
	return func(c *call) {
		if err := c.checkAPIHeaders(); err != nil {
			c.problem(err)
			return
		}
		t, err := s.ledger.find(c.bearer("token"), accessToken, c.now())
		if err == nil && c.user(t.user) == nil {
			err = errRevoked
		}
		if err != nil {
			c.problem(fmt.Errorf("the access token is not good: %w", err))
			c.githubError(http.StatusUnauthorized, "Bad credentials")
			return
		}
		g := &githubCall{c, c.user(t.user), t.scopes, !t.expires.IsZero()}
		header := c.w.Header()
		if !g.isApp {
			header.Set("X-OAuth-Scopes", strings.Join(t.scopes, ", "))
			header.Set("X-Accepted-OAuth-Scopes", "")
		}
		header.Set("X-OAuth-Client-Id", c.clientID)
		header.Set("X-GitHub-Media-Type", "github.v3; format=json")
		header.Set("X-RateLimit-Limit", "5000")
		header.Set("X-RateLimit-Remaining", "4999")
		header.Set("X-RateLimit-Reset", strconv.FormatInt(c.now().Add(time.Hour).Unix(), 10))
		header.Set("X-RateLimit-Used", "1")
		header.Set("X-RateLimit-Resource", "core")
		h(g)
	}
}

// checkAPIHeaders answers requests without a user agent, or for a version of the
// API that does not exist.
func (c *call) checkAPIHeaders() error {
	if c.r.UserAgent() == "" {
		http.Error(c.w, "Request forbidden by administrative rules.", http.StatusForbidden)
		return errors.New("want a User-Agent, have none")
	}
	version := c.r.Header.Get("X-GitHub-Api-Version")
	switch version {
	case "":
		version = "2022-11-28"
	case "2022-11-28", "2026-03-10":
	default:
		c.githubError(http.StatusBadRequest, "Unsupported API version")
		return errors.New("there is no such version of the API")
	}
	c.w.Header().Set("X-Github-Api-Version-Selected", version)
	return nil
}

func (c *call) githubError(status int, message string) {
	c.json(status, map[string]string{
		"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status),
	})
}

// needs reports whether the token has one of the scopes, and tells the client
// which ones those are.
func (g *githubCall) needs(scopes ...string) bool {
	if g.isApp {
		return true
	}
	g.w.Header().Set("X-Accepted-OAuth-Scopes", strings.Join(scopes, ", "))
	return g.has(scopes...)
}

func (g *githubCall) has(scopes ...string) bool {
	return slices.ContainsFunc(g.scopes, func(s string) bool { return slices.Contains(scopes, s) })
}

// user is GET /user.
func (s *GitHub) user(g *githubCall) {
	u := g.u
	email, _ := address(u)
	if u.Extra["public_email"] != "true" {
		email = ""
	}
	o := g.simpleUser(u)
	api := o["url"].(string)
	for key, path := range map[string]string{
		"followers_url": "/followers", "following_url": "/following{/other_user}", "gists_url": "/gists{/gist_id}",
		"starred_url": "/starred{/owner}{/repo}", "subscriptions_url": "/subscriptions", "organizations_url": "/orgs",
		"repos_url": "/repos", "events_url": "/events{/privacy}", "received_events_url": "/received_events",
	} {
		o[key] = api + path
	}
	for key, value := range map[string]any{
		"user_view_type": "private", "name": orNull(u.Name), "company": nil, "blog": "", "location": nil,
		"email": orNull(email), "hireable": nil, "bio": orNull(u.Extra["bio"]), "twitter_username": nil,
		"notification_email": orNull(email), "public_repos": 3, "public_gists": 0, "followers": 2, "following": 5,
		"created_at": "2019-05-04T10:11:12Z", "updated_at": "2026-10-30T08:00:00Z",
	} {
		o[key] = value
	}
	if !g.isApp && g.has("user", "read:user") {
		for key, value := range map[string]any{
			"private_gists": 1, "total_private_repos": 4, "owned_private_repos": 4, "disk_usage": 1024, "collaborators": 0,
			"two_factor_authentication": true,
			"plan":                      map[string]any{"name": "free", "space": 976562499, "private_repos": 10000, "collaborators": 0},
		} {
			o[key] = value
		}
	}
	g.json(http.StatusOK, o)
}

// simpleUser is the short form of a user, which other objects hold.
func (c *call) simpleUser(u *login.User) map[string]any {
	id, _ := strconv.ParseInt(u.ID, 10, 64)
	picture := u.Picture
	if picture == "" {
		picture = avatarURL(c.url, u)
	}
	return map[string]any{
		"login": u.Username, "id": id, "node_id": "U_" + u.ID, "avatar_url": picture, "gravatar_id": "",
		"url": c.url + githubAPI + "/users/" + u.Username, "html_url": c.url + "/" + u.Username,
		"type": "User", "site_admin": false,
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// emails is GET /user/emails. The primary address is not the first.
func (s *GitHub) emails(g *githubCall) {
	if !g.needs("user:email", "user") {
		g.githubError(http.StatusNotFound, "Not Found")
		return
	}
	list := []any{}
	if email, verified := address(g.u); email != "" {
		visibility := "private"
		if g.u.Extra["public_email"] == "true" {
			visibility = "public"
		}
		row := func(email string, primary, verified bool, visibility any) map[string]any {
			return map[string]any{"email": email, "primary": primary, "verified": verified, "visibility": visibility}
		}
		list = append(list,
			row(g.u.ID+"+"+g.u.Username+"@users.noreply.github.com", false, true, nil),
			row(email, true, verified, visibility))
	}
	g.pages(list)
}

// pages answers with one page of list, and says in the Link header where the
// next is (RFC 8288).
func (g *githubCall) pages(list []any) {
	number := func(key string, otherwise, most int) int {
		n, err := strconv.Atoi(g.r.URL.Query().Get(key))
		if err != nil || n < 1 {
			n = otherwise
		}
		return min(n, most)
	}
	size := number("per_page", 30, 100)
	last := max(1, (len(list)+size-1)/size)
	page := number("page", 1, last+1)
	if page < last {
		link := func(n int, rel string) string {
			return fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="%s"`, g.url, g.r.URL.Path, size, n, rel)
		}
		g.w.Header().Set("Link", link(page+1, "next")+", "+link(last, "last"))
	}
	from := min((page-1)*size, len(list))
	g.json(http.StatusOK, list[from:min(from+size, len(list))])
}
