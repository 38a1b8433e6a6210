package logintest

import (
	"crypto/sha256"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/doorlatch/login"
)

// people returns users, or three invented ones if there are none. Those without
// an ID get their number.
func people(base string, users []login.User) []login.User {
	if len(users) == 0 {
		return inventedUsers(base)
	}
	if slices.IndexFunc(users, func(u login.User) bool { return u.ID == "" }) < 0 {
		return users
	}
	users = slices.Clone(users)
	for i := range users {
		if users[i].ID == "" {
			users[i].ID = strconv.Itoa(i + 1)
		}
	}
	return users
}

func inventedUsers(base string) []login.User {
	users := []login.User{
		{ID: "90000001", Username: "ada-example", Name: "Ada Example", Email: "ada@example.test"},
		{ID: "90000002", Username: "grace-sample", Name: "Grace Sample", Email: "grace@example.test"},
		{ID: "90000003", Username: "alan-specimen", Name: "Alan Specimen", Email: "alan@example.test"},
	}
	for i := range users {
		users[i].Picture = avatarURL(base, &users[i])
	}
	return users
}

// address returns the e-mail address of u and whether the provider vouches for it.
func address(u *login.User) (email string, verified bool) {
	if u.Email != "" {
		return u.Email, true
	}
	return u.UnverifiedEmail, false
}

// extraList splits a comma-separated value of User.Extra.
func extraList(u *login.User, key string) []string {
	return strings.FieldsFunc(u.Extra[key], func(r rune) bool { return r == ',' || r == ' ' })
}

// avatarURL is where a stand-in draws a picture of u.
func avatarURL(base string, u *login.User) string {
	return base + "/avatar/" + url.PathEscape(u.ID) + ".svg"
}

// avatar draws the user's initials on a coloured disc.
func (c *call) avatar(file string) {
	id, ok := strings.CutSuffix(file, ".svg")
	u := c.user(id)
	if !ok || u == nil {
		http.NotFound(c.w, c.r)
		return
	}
	sum := sha256.Sum256([]byte(u.ID))
	c.w.Header().Set("Content-Type", "image/svg+xml")
	c.w.Header().Set("Content-Security-Policy", "default-src 'none'")
	c.w.Header().Set("X-Content-Type-Options", "nosniff")
	fmt.Fprintf(c.w, `<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96" viewBox="0 0 96 96" role="img" aria-label="%s">`+
		`<circle cx="48" cy="48" r="48" fill="hsl(%d,45%%,32%%)"/>`+
		`<text x="48" y="60" font-family="sans-serif" font-size="34" text-anchor="middle" fill="#fff">%s</text></svg>`,
		html.EscapeString(u.Name), 360*int(sum[0])/256, html.EscapeString(initials(u.Name)))
}

func initials(name string) string {
	var s []rune
	for _, word := range strings.Fields(name) {
		if r, _ := utf8.DecodeRuneInString(word); len(s) < 2 {
			s = append(s, unicode.ToUpper(r))
		}
	}
	return string(s)
}
