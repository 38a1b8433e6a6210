package logintest

import (
	"hash/fnv"
	"net/http"
	"strings"

	"github.com/doorlatch/login"
)

// states reads a list such as "example-org:active,other:pending". Without a
// state it is active.
func states(u *login.User, key string) (names []string, state map[string]string) {
	state = map[string]string{}
	for _, entry := range extraList(u, key) {
		name, st, ok := strings.Cut(entry, ":")
		if !ok {
			st = "active"
		}
		names, state[name] = append(names, name), st
	}
	return names, state
}

func (c *call) organization(name string) map[string]any {
	h := fnv.New32a()
	h.Write([]byte(name))
	api := c.url + githubAPI + "/orgs/" + name
	return map[string]any{
		"login": name, "id": 80000000 + int64(h.Sum32()%1000000), "node_id": "O_" + name, "url": api,
		"repos_url": api + "/repos", "events_url": api + "/events", "hooks_url": api + "/hooks",
		"issues_url": api + "/issues", "members_url": api + "/members{/member}",
		"public_members_url": api + "/public_members{/member}", "avatar_url": c.url + "/avatar/" + name + ".svg",
		"description": nil,
	}
}

const needOrgScope = "You need at least read:org scope or user scope to list your organizations."

// orgs is GET /user/orgs.
func (s *GitHub) orgs(g *githubCall) {
	if !g.needs("user", "read:org", "write:org", "admin:org") {
		g.githubError(http.StatusForbidden, needOrgScope)
		return
	}
	list := []any{}
	names, state := states(g.u, "orgs")
	for _, name := range names {
		if state[name] == "active" {
			list = append(list, g.organization(name))
		}
	}
	g.pages(list)
}

// membership is GET /user/memberships/orgs/{org}.
func (s *GitHub) membership(g *githubCall) {
	if !g.needs("user", "read:org", "write:org", "admin:org") {
		g.githubError(http.StatusForbidden, needOrgScope)
		return
	}
	name := g.r.PathValue("org")
	_, state := states(g.u, "orgs")
	switch state[name] {
	case "":
		g.githubError(http.StatusNotFound, "Not Found")
	case "sso":
		g.w.Header().Set("X-GitHub-SSO", "required; url="+g.url+"/orgs/"+name+"/sso?authorization_request=INVENTED")
		g.githubError(http.StatusForbidden,
			"Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.")
	default:
		org := g.organization(name)
		g.json(http.StatusOK, map[string]any{
			"url": org["url"].(string) + "/memberships/" + g.u.Username, "state": state[name], "role": "member",
			"organization_url": org["url"], "direct_membership": true,
			"enterprise_teams_providing_indirect_membership": []any{},
			"organization": org, "user": g.simpleUser(g.u),
		})
	}
}

// teamMembership is GET /orgs/{org}/teams/{team}/memberships/{user}.
func (s *GitHub) teamMembership(g *githubCall) {
	_, state := states(g.u, "teams")
	st := state[g.r.PathValue("org")+"/"+g.r.PathValue("team")]
	if !g.needs("read:org", "write:org", "admin:org") || st == "" || g.r.PathValue("user") != g.u.Username {
		g.githubError(http.StatusNotFound, "Not Found")
		return
	}
	g.json(http.StatusOK, map[string]any{"url": g.url + g.r.URL.Path, "role": "member", "state": st})
}
