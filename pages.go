package login

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"
)

//go:embed pages
var pageFiles embed.FS

// A Page is what the templates of [Config.Pages] are executed with. Fields that
// make no sense on a page are empty.
type Page struct {
	Title, Message string // in plain words; Title is the heading, too
	Status         int    // of the answer
	Reason         string // code of an error, as in the log

	// Providers are the buttons of the chooser.
	Providers []struct{ Label, URL string }

	TryAgain, Back string // links of the error page
	Login, Logout  string // where to log in; where to POST to log out
	User           *User  // who is logged in, on the logout page

	Style template.CSS // of the built-in pages
}

// pages are the templates of one Auth.
type pages struct {
	builtin, custom *template.Template
	style           template.CSS
	csp             string
}

func newPages(custom *template.Template) (*pages, error) {
	builtin, err := template.ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, err
	}
	style, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(style)
	p := &pages{builtin: builtin, style: template.CSS(style)}
	p.csp = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:" + commonCSP
	if custom != nil {
		if p.custom, err = custom.Clone(); err != nil {
			return nil, fmt.Errorf("login: Config.Pages: want templates that were not executed yet: %w", err)
		}
	}
	return p, p.try()
}

// try executes the templates of the application, so that a mistake in one shows
// when the program starts and not when somebody's login has failed.
func (p *pages) try() error {
	page := Page{
		Title: "Example", Message: "An example.", Status: http.StatusOK, Reason: "example",
		Providers: make([]struct{ Label, URL string }, 2), TryAgain: "/", Back: "/", Login: "/", Logout: "/",
		User: &User{Provider: "example", ID: "1"}, Style: p.style,
	}
	var errs []error
	for _, name := range []string{"chooser", "error", "logout"} {
		if p.custom == nil || p.custom.Lookup(name) == nil {
			continue
		}
		if err := p.custom.Lookup(name).Execute(io.Discard, page); err != nil {
			errs = append(errs, fmt.Errorf("login: Config.Pages: %w", err))
		}
	}
	return errors.Join(errs...)
}

const (
	commonCSP = "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	// Pages of the application may have a style sheet and a logo, but no script:
	// they are shown at the moment when people are about to trust us.
	customCSP = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'" + commonCSP
)

// write sends the page of that name. Its forms may lead to this site, and to
// elsewhere.
func (p *pages) write(w http.ResponseWriter, name string, page Page, elsewhere string) {
	t, csp := p.builtin.Lookup(name+".html"), p.csp
	if p.custom != nil && p.custom.Lookup(name) != nil {
		t, csp = p.custom.Lookup(name), customCSP
	}
	page.Style = p.style
	var b bytes.Buffer
	if t.Execute(&b, page) != nil { // one of the application's, which fails for this page only
		b.Reset()
		csp = p.csp
		p.builtin.Lookup(name+".html").Execute(&b, page)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if elsewhere != "" {
		csp = strings.Replace(csp, "form-action 'self'", "form-action 'self' "+elsewhere, 1)
	}
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if name == "logout" {
		// Without a referrer browsers post "Origin: null", which is not ours.
		h.Set("Referrer-Policy", "same-origin")
	}
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(page.Status)
	w.Write(b.Bytes())
}

// loginURL is the path of the login page, or of one provider's, that leads back
// to next.
func (a *Auth) loginURL(provider, next string) string {
	u := a.base + "/login"
	if provider != "" {
		u += "/" + provider
	}
	if next != "" && next != defaultNext {
		u += "?next=" + url.QueryEscape(next)
	}
	return u
}

func (a *Auth) choose(w http.ResponseWriter, r *http.Request, next string) {
	page := Page{Title: "Log in", Message: "Choose how you want to log in.", Status: http.StatusOK}
	for _, p := range a.order {
		page.Providers = append(page.Providers, struct{ Label, URL string }{p.Label, a.loginURL(p.Name, next)})
	}
	a.pages.write(w, "chooser", page, "")
}

// confirmLogout is the page of GET /logout.
func (a *Auth) confirmLogout(w http.ResponseWriter, r *http.Request) {
	_, v := a.visitor(w, r)
	if v.err != nil {
		a.fail(w, r, v.err)
		return
	}
	page := Page{
		Title: "You are not logged in", Message: "There is nobody to sign out.", Status: http.StatusOK,
		Login: a.loginURL("", ""), Back: defaultNext,
	}
	if v.user != nil {
		page.Title, page.Message, page.Login = "Sign out?", "You are logged in as "+v.user.display()+".", ""
		page.Logout, page.User = a.base+"/logout", v.user
		if next, ok := a.localPath(r.URL.Query().Get("next")); ok {
			page.Logout += "?next=" + url.QueryEscape(next)
		}
	}
	a.pages.write(w, "logout", page, a.logoutLeadsTo(r, v))
}

// logoutLeadsTo is the source, for a Content-Security-Policy, of where v may be sent
// by a logout, "" if they stay here. The provider may have several hosts, and
// Chromium checks every redirect that follows a form.
func (a *Auth) logoutLeadsTo(r *http.Request, v *visitor) string {
	if !a.config.EndSession || v.session == nil {
		return ""
	}
	p := a.providers[v.user.Provider]
	if md, _, _ := p.known(); md == nil && p.Discover != nil {
		return "https:" // it will be found at the logout
	}
	location, err := a.endSessionURL(r.Context(), p, v.user, tokenRecord{}, defaultNext)
	if location == "" || err != nil {
		return ""
	}
	u, err := url.Parse(location)
	if err != nil || u.Scheme == "https" {
		return "https:"
	}
	return origin(u)
}

// display is the best name for u that there is.
func (u *User) display() string {
	for _, s := range []string{u.Name, u.Username, u.Email} {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return u.ID
}
