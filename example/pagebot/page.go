package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
)

//go:embed pages
var files embed.FS

// adminPage says how things are with the Facebook page, as Facebook sees it at that
// moment. State is "none", "choose", "connected", "ended" or "unknown".
type adminPage struct {
	State, Title string
	Done         string // what the administrator has just done
	Page, Person string // who the token is of, and who gave it
	Why          string // it has ended
	Until        string // it is good for
	Missing      []string
	Pages        []facebook.Page
}

func (s *site) admin(w http.ResponseWriter, r *http.Request) {
	p := s.state(r.Context())
	switch q := r.URL.Query(); {
	case q.Has("connected") && p.State == "connected":
		p.Done = "Connected to " + p.Page + ". " + p.Until
	case q.Has("disconnected") && p.State == "none":
		p.Done = "Disconnected. The credentials have been deleted here. " +
			"At Facebook, the app can be removed under Settings, Business integrations."
	}
	s.look.write(w, "admin.html", p)
}

func (s *site) state(ctx context.Context) *adminPage {
	p := &adminPage{State: "none", Title: "No Facebook page is connected"}
	if _, err := s.tokens.Load(ctx, record); errors.Is(err, login.ErrNoToken) {
		return p // never connected, or disconnected
	}
	g, err := s.auth.GrantFor(ctx, record)
	if err != nil {
		s.doubt(ctx, p, err)
		return p
	}
	p.Person = g.User.Extra["name"]
	if isPage(g) {
		p.Page = g.User.Name
	}
	i, err := facebook.Inspect(ctx, g)
	if err == nil && !i.Valid {
		err = i.Reason
	}
	if err == nil && !isPage(g) {
		p.Pages, err = postable(ctx, g)
	}
	if err != nil {
		s.doubt(ctx, p, err)
		return p
	}
	p.Until = until(i)
	p.Missing = slices.DeleteFunc(permissions(), func(needed string) bool { return slices.Contains(i.Scopes, needed) })
	switch {
	case isPage(g):
		p.State, p.Title = "connected", "Connected to "+p.Page
	case len(p.Pages) == 0:
		p.State, p.Title = "choose", "There is no page to post to"
	default:
		p.State, p.Title = "choose", "Choose a page"
	}
	return p
}

// doubt is the state of a connection that err is about.
func (s *site) doubt(ctx context.Context, p *adminPage, err error) {
	e, fromFacebook := errors.AsType[*facebook.Error](err)
	if errors.Is(err, login.ErrNoToken) || fromFacebook && e.Expired() {
		p.State, p.Title, p.Why = "ended", "The Facebook page has to be connected again", why(e)
		return
	}
	s.logger.WarnContext(ctx, "the state of the connection is not known", "error", err)
	p.State, p.Title = "unknown", "Facebook does not answer"
}

// why is after Facebook's list of subcodes.
func why(e *facebook.Error) string {
	if e != nil {
		switch e.Subcode {
		case 458:
			return "The app was removed at Facebook."
		case 460:
			return "The password at Facebook was changed."
		case 463:
			return "The credentials have expired."
		}
	}
	return "The credentials do not work any more."
}

// until says for how long the token of i is good.
func until(i *facebook.Inspection) string {
	const day = "2 January 2006"
	text := "The token does not end by itself"
	if !i.Expires.IsZero() {
		text = "The token is valid until " + i.Expires.UTC().Format(day)
	}
	if i.DataExpires.IsZero() || !i.Expires.IsZero() && i.Expires.Before(i.DataExpires) {
		return text + "."
	}
	return text + "; Facebook wants the data access renewed by " + i.DataExpires.UTC().Format(day) + "."
}

// look is how all pages look, and what browsers may load for them.
type look struct {
	templates *template.Template
	csp       string
}

func newLook(p login.Provider) (*look, error) {
	style, err := files.ReadFile("pages/style.css")
	if err != nil {
		return nil, err
	}
	css := func() template.CSS { return template.CSS(style) }
	t, err := template.New("").Funcs(template.FuncMap{"style": css}).ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	dialog, err := url.Parse(p.Endpoint.AuthURL)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(style)
	// Browsers apply form-action to redirects as well: that of the button leads to
	// Facebook, which may send people on to another of its hosts.
	return &look{t, "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; form-action 'self' " + "https: " + dialog.Scheme + "://" + dialog.Host +
		"; base-uri 'none'; frame-ancestors 'none'"}, nil
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
	h.Set("Referrer-Policy", "same-origin") // with no-referrer, forms are sent with the Origin "null"
	w.Write(b.Bytes())
}
