package app

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/doorlatch/login"
)

//go:embed pages
var files embed.FS

type homePage struct {
	Title   string
	Person  *person // nil: nobody is logged in
	Notice  string
	Buttons []button
	Logout  string // where to POST
}

// button is a way to log in.
type button struct{ Mark, Label, URL string }

type mePage struct {
	Title   string
	Person  *person
	Token   *tokenView
	NoToken string // why Token is nil
	Logout  string
}

// person is a user as pages show one: with something in every place.
type person struct {
	*login.User
	Name, Initials string
	Provider       string // its label
}

func (s *site) person(u *login.User) *person {
	if u == nil {
		return nil
	}
	name := cmp.Or(strings.TrimSpace(u.Name), u.Username, u.Email, u.UnverifiedEmail, "User "+u.ID)
	return &person{
		User: u, Name: name, Initials: initials(cmp.Or(u.Name, u.Username, u.Email, u.UnverifiedEmail), 2),
		Provider: cmp.Or(s.labels[u.Provider], u.Provider),
	}
}

// initials returns the first letters of at most n words of name.
func initials(name string, n int) string {
	var letters []rune
	for word := range strings.FieldsSeq(name) {
		first := []rune(word)[0]
		if len(letters) < n && unicode.IsLetter(first) {
			letters = append(letters, unicode.ToUpper(first))
		}
	}
	return string(letters)
}

// tokenView is a token as a page shows it.
type tokenView struct {
	*tokenFacts
	Expires, In, ISO string // empty if the provider names no end
}

func newTokenView(t *tokenFacts, now time.Time) *tokenView {
	if t == nil {
		return nil
	}
	v := &tokenView{tokenFacts: t}
	if t.Expiry != nil {
		v.Expires = t.Expiry.Format("2 January 2006, 15:04 UTC")
		v.ISO = t.Expiry.Format(time.RFC3339)
		v.In = "in " + roughly(t.Expiry.Sub(now))
	}
	return v
}

// roughly puts d in the largest unit of which there are two.
func roughly(d time.Duration) string {
	d = d.Round(time.Minute)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return "a minute"
}

// look is how all pages look, and what browsers may load for them.
type look struct {
	templates *template.Template
	csp       string
}

func newLook(providers []login.Provider) (*look, error) {
	style, err := files.ReadFile("pages/style.css")
	if err != nil {
		return nil, err
	}
	css := func() template.CSS { return template.CSS(style) }
	t, err := template.New("").Funcs(template.FuncMap{"style": css}).ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(style)
	sources := strings.Join(append([]string{"'self'", "https:"}, standInOrigins(providers)...), " ")
	// Pictures come from wherever providers keep them. Browsers apply form-action
	// to redirects as well, and after a logout one may lead to the provider.
	return &look{t, "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data: " + sources + "; form-action " + sources + "; base-uri 'none'; frame-ancestors 'none'"}, nil
}

// standInOrigins are those of providers on this machine, without https.
func standInOrigins(providers []login.Provider) []string {
	var origins []string
	for _, p := range providers {
		for _, raw := range append([]string{p.Issuer, p.Endpoint.AuthURL}, p.API...) {
			if u, err := url.Parse(raw); err == nil && u.Scheme == "http" {
				origins = append(origins, u.Scheme+"://"+u.Host)
			}
		}
	}
	slices.Sort(origins)
	return slices.Compact(origins)
}

// write sends the page of that name.
func (l *look) write(w http.ResponseWriter, name string, page any) {
	var b bytes.Buffer
	if err := l.templates.ExecuteTemplate(&b, name, page); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", l.csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	// Not no-referrer: with that, the form that logs out is sent with the Origin
	// "null", which proves nothing about where it was.
	h.Set("Referrer-Policy", "same-origin")
	w.Write(b.Bytes())
}
