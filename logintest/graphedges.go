package logintest

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// granted reports whether the person allows the permission at the moment.
func (s *Facebook) granted(user, permission string) bool {
	s.installed.Lock()
	defer s.installed.Unlock()
	return s.decisions[user][permission] == "granted"
}

// permissions is GET /{user}/permissions.
func (s *Facebook) permissions(g *graphCall) {
	s.installed.Lock()
	decisions := maps.Clone(s.decisions[g.u.ID])
	s.installed.Unlock()
	data := []map[string]string{}
	for _, p := range slices.Sorted(maps.Keys(decisions)) {
		data = append(data, map[string]string{"permission": p, "status": decisions[p]})
	}
	g.graphJSON(http.StatusOK, map[string]any{"data": data})
}

// deletePermission is DELETE /{user}/permissions: it takes one permission back,
// or all of them, and then the app is not installed any more.
func (s *Facebook) deletePermission(g *graphCall) {
	p := g.r.PathValue("permission")
	s.installed.Lock()
	if p == "" {
		delete(s.decisions, g.u.ID)
	} else {
		delete(s.decisions[g.u.ID], p)
	}
	s.installed.Unlock()
	if p == "" {
		s.ledger.revokeUser(g.u.ID)
	}
	g.graphJSON(http.StatusOK, map[string]bool{"success": true})
}

func pageName(id string) string { return "Example Page " + id }

// accounts is GET /{user}/accounts: the pages that the person manages, with a
// token for each, 25 at a time or as many as limit says. The token of a page does
// not expire if that of the person is a long-lived one.
func (s *Facebook) accounts(g *graphCall) {
	var all []string
	if s.granted(g.u.ID, "pages_show_list") {
		all = extraList(g.u, "pages")
	}
	from, to, e := g.window(len(all))
	if e != nil {
		g.graphError(e)
		return
	}
	expires := g.token.expires
	if g.token.longLived() {
		expires = time.Time{}
	}
	data := []map[string]any{}
	for _, id := range all[from:to] {
		t := token{grant: g.token.grant, issued: g.now(), expires: expires, page: id}
		data = append(data, map[string]any{
			"access_token": s.ledger.issue("EAAPAGE"+rand.Text(), t), "id": id, "name": pageName(id),
			"category": "Internet Company", "category_list": []map[string]string{{"id": "2256", "name": "Internet Company"}},
			"tasks": []string{"ANALYZE", "ADVERTISE", "MODERATE", "CREATE_CONTENT", "MANAGE"},
		})
	}
	answer := map[string]any{"data": data}
	if len(data) > 0 {
		answer["paging"] = g.paging(from, to, len(all))
	}
	g.graphJSON(http.StatusOK, answer)
}

func (t *token) longLived() bool { return t.expires.Sub(t.issued) >= longLived }

// post is POST /{page}/feed.
func (s *Facebook) post(g *graphCall) {
	message := g.r.PostFormValue("message")
	if !isForm(g.r) {
		var body struct{ Message string }
		if json.NewDecoder(g.r.Body).Decode(&body) == nil {
			message = body.Message
		}
	}
	switch {
	case g.token.page == "" || g.token.page != g.id || !s.granted(g.u.ID, "pages_manage_posts"):
		g.graphError(&graphError{code: 200, status: http.StatusForbidden, message: "(#200) The user must be an administrator, " +
			"editor, or moderator of the page in order to impersonate it."})
		return
	case message == "":
		g.graphError(&graphError{code: 100, message: "(#100) Missing message or attachment"})
		return
	}
	s.installed.Lock()
	duplicate := s.posts[g.id] == message
	if s.posts == nil {
		s.posts = make(map[string]string)
	}
	s.posts[g.id] = message
	if !duplicate {
		s.postCount++
	}
	id := g.id + "_" + strconv.Itoa(300000000000000+s.postCount)
	s.installed.Unlock()
	if duplicate {
		g.graphError(&graphError{code: 506, message: "Duplicate status message"})
		return
	}
	g.graphJSON(http.StatusOK, map[string]string{"id": id})
}

// debugToken is GET /debug_token: what a token is, told to the app.
func (s *Facebook) debugToken(c *call) {
	value := c.graphToken()
	if e := c.checkProof(value); e != nil {
		c.graphError(e)
		return
	}
	id, secret, _ := strings.Cut(value, "|")
	if _, err := s.ledger.find(value, appToken, c.now()); err != nil && (id != c.clientID || !equal(secret, c.clientSecret)) {
		c.graphError(&graphError{code: 100, message: "(#100) You must provide an app access token, or a user access token " +
			"that is an owner or developer of the app"})
		return
	}
	t, err := s.ledger.look(c.r.URL.Query().Get("input_token"), c.now())
	data := map[string]any{"is_valid": err == nil, "scopes": []string{}}
	if err != nil {
		e := c.badToken(err)
		data["error"] = map[string]any{"code": e.code, "message": e.message, "subcode": e.subcode}
	}
	if t.grant != nil {
		s.describe(c, t, data)
	}
	c.graphJSON(http.StatusOK, map[string]any{"data": data})
}

func (s *Facebook) describe(c *call, t token, data map[string]any) {
	data["app_id"] = c.clientID
	data["application"] = "Example App"
	data["type"] = "USER"
	data["user_id"] = t.user
	data["data_access_expires_at"] = t.authTime.Add(90 * 24 * time.Hour).Unix()
	data["expires_at"] = 0 // never
	if !t.expires.IsZero() {
		data["expires_at"] = t.expires.Unix()
	}
	scopes := slices.Sorted(slices.Values(t.scopes))
	if data["is_valid"] == true {
		scopes = slices.DeleteFunc(scopes, func(p string) bool { return !s.granted(t.user, p) })
	}
	data["scopes"] = scopes
	if t.page != "" {
		data["type"], data["profile_id"] = "PAGE", t.page
	}
	if t.page != "" || t.longLived() {
		data["issued_at"] = t.issued.Unix()
	}
	u := c.user(t.user)
	if u == nil || u.Extra["pages"] == "" {
		return
	}
	pages := extraList(u, "pages")
	var granular []map[string]any
	for _, p := range scopes {
		if strings.HasPrefix(p, "pages_") {
			granular = append(granular, map[string]any{"scope": p, "target_ids": pages})
		}
	}
	if granular != nil {
		data["granular_scopes"] = granular
	}
}
