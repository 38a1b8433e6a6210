package logintest

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/doorlatch/login"
)

var (
	//go:embed pages/ask.html
	askHTML string
	//go:embed pages/post.html
	postHTML string
	//go:embed pages/goodbye.html
	goodbyeHTML string
	//go:embed pages/style.css
	styleCSS string
)

// A pageKind is what tells the pages of the stand-ins apart.
type pageKind struct {
	class, title string
	optional     func(scope string) bool // may be unticked
}

func none(string) bool { return false }

// asked is one scope on the page.
type asked struct {
	Scope, Words string
	Optional     bool
}

// askPage asks who is there and whether they allow it.
func (c *call) askPage(p pageKind, a *ask) {
	host := a.redirectURI
	if u, err := url.Parse(a.redirectURI); err == nil {
		host = u.Host
	}
	type person struct {
		ID, Name, About, Avatar string
		Checked                 bool
	}
	var people []person
	chosen := c.pick(a.hint)
	for i := range c.users {
		u := &c.users[i]
		email, _ := address(u)
		about := strings.Join(slices.DeleteFunc([]string{u.Username, email}, func(s string) bool { return s == "" }), "\n")
		people = append(people, person{u.ID, displayName(u), about, avatarURL("", u), u.ID == chosen.ID})
	}
	var scopes []asked
	for _, s := range a.scopes {
		scopes = append(scopes, asked{s, describe(s), p.optional(s)})
	}
	c.page(askHTML, map[string]any{
		"Class": p.class, "Title": p.title, "Client": c.clientID, "Host": host,
		"Action": c.r.URL.EscapedPath() + "?" + c.authorizationParams().Encode(),
		"People": people, "Scopes": scopes,
	})
}

func displayName(u *login.User) string {
	for _, s := range []string{u.Name, u.Username, u.Email} {
		if s != "" {
			return s
		}
	}
	return u.ID
}

// describe says what a scope is for, in words; "" if it is not a common one.
func describe(scope string) string {
	switch scope {
	case "openid":
		return "know which user you are here"
	case "profile", "public_profile", "read:user":
		return "read your name and picture"
	case "email", "user:email":
		return "read your e-mail address"
	case "offline_access":
		return "act for you while you are away"
	case "read:org":
		return "read which organisations you belong to"
	case "pages_show_list":
		return "see which pages you manage"
	case "pages_manage_posts":
		return "post on pages that you manage"
	}
	return ""
}

// page sends a page without script. There is no form-action in its policy:
// browsers apply that to the redirect after the form too, which goes to the
// application.
func (c *call) page(text string, data any) {
	t, err := template.New("page").Parse(text)
	if err != nil {
		c.refuse(http.StatusInternalServerError, err)
		return
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if err := t.Execute(c.w, data); err != nil {
		c.problem(errors.New("the page could not be sent"))
	}
}

// serveFile answers requests for the files that pages refer to.
func (c *call) serveFile() bool {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return false
	}
	if file, ok := strings.CutPrefix(c.r.URL.Path, "/avatar/"); ok {
		c.avatar(file)
		return true
	}
	if c.r.URL.Path == "/logintest.css" {
		c.w.Header().Set("Content-Type", "text/css; charset=utf-8")
		c.w.Write([]byte(styleCSS))
		return true
	}
	return false
}
