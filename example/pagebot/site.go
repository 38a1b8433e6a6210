package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/tokenstore"
)

// record is the key of the one record, which holds the token of the page, or of the
// person who has connected it until a page is chosen. User.Extra says who that was.
const record = "page"

type site struct {
	auth     *login.Auth
	provider login.Provider
	tokens   login.TokenStore
	logger   *slog.Logger
	look     *look
	url      string

	// whoIs returns the administrator who sends a request, nil if nobody does. It
	// stands for whatever way of logging in a site has.
	whoIs func(*http.Request) *login.User
}

func newSite(c config) (*site, error) {
	tokens, err := tokenstore.NewFile(filepath.Join(c.dir, "tokens"))
	if err != nil {
		return nil, err
	}
	s := &site{provider: c.provider(), tokens: tokens, logger: c.logger, url: c.url, whoIs: basicAuth(c.password)}
	if s.look, err = newLook(s.provider); err != nil {
		return nil, err
	}
	s.auth, err = login.New(login.Config{
		URL: c.url, Key: c.key, Providers: []login.Provider{s.provider},
		Tokens: tokens, OnConnect: s.onConnect, Logger: c.logger,
	})
	return s, err
}

// handler serves what connecting needs of s.auth, and not all of it as Wrap does:
// nobody logs in to this site with Facebook.
func (s *site) handler() http.Handler {
	sameOrigin := http.NewCrossOriginProtection() // browsers send the password with forms of other sites, too
	guard := func(h http.HandlerFunc) http.Handler { return sameOrigin.Handler(s.require(h)) }
	toAdmin := http.RedirectHandler("/admin", http.StatusSeeOther)
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", toAdmin)
	mux.Handle("GET /login/", toAdmin) // "Try again" of built-in pages
	mux.Handle("GET /admin", guard(s.admin))
	mux.Handle("POST /admin/choose", guard(s.choose))
	mux.Handle("POST /admin/again", guard(s.again))
	mux.Handle("POST /admin/disconnect", guard(s.disconnect))
	mux.Handle("POST /connect/facebook", guard(s.auth.Connect))
	mux.HandleFunc("/callback/facebook", s.auth.Callback)
	mux.HandleFunc("POST /facebook/deauthorize", s.deauthorized)
	mux.HandleFunc("POST /facebook/delete", s.deletion)
	mux.HandleFunc("GET /facebook/deleted", s.deleted)
	return s.identify(mux)
}

const adminName = "admin"

// basicAuth is the simplest way to log in that is not Facebook.
func basicAuth(password string) func(*http.Request) *login.User {
	want := sha256.Sum256([]byte(password))
	return func(r *http.Request) *login.User {
		name, have, _ := r.BasicAuth()
		sum := sha256.Sum256([]byte(have))
		if name != adminName || subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
			return nil
		}
		return &login.User{Provider: "site", ID: adminName, Name: "Administrator"}
	}
}

// identify puts the administrator into the context of every request, the callback's
// included: the page is connected with whom it was begun by, or not at all.
func (s *site) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u := s.whoIs(r); u != nil {
			r = r.WithContext(login.WithUser(r.Context(), u))
		}
		next.ServeHTTP(w, r)
	})
}

func (s *site) require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if login.UserFrom(r.Context()) == nil {
			w.Header().Set("WWW-Authenticate", `Basic realm="club", charset="UTF-8"`)
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "This page is for the administrator of the site.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// onConnect keeps the token of the page, if it is clear which one, and else that of
// the person, until the administrator has chosen. A site where others log in, too,
// has to ask here whether the first argument is an administrator.
func (s *site) onConnect(r *http.Request, _ *login.User, g *login.Grant) error {
	ctx := r.Context()
	pages, err := postable(ctx, g)
	if err != nil {
		return err
	}
	g.User.Extra = map[string]string{"person": g.User.ID, "name": g.User.Name, "since": strconv.FormatInt(time.Now().Unix(), 10)}
	if old, err := s.auth.GrantFor(ctx, record); err == nil && isPage(old) {
		if i := indexOf(pages, old.User.ID); i >= 0 { // the credentials are renewed, not the choice
			pages = pages[i : i+1]
		}
		if len(pages) == 0 {
			return login.Refusal("This account manages no page where the site could post, or did not let it see any. Nothing was changed.")
		}
	}
	if len(pages) == 1 {
		return s.keepPage(ctx, g, pages[0])
	}
	return s.auth.Keep(ctx, record, g)
}

func (s *site) keepPage(ctx context.Context, g *login.Grant, p facebook.Page) error {
	page := p.Grant(g)
	page.User.Extra = g.User.Extra
	return s.auth.Keep(ctx, record, page)
}

// isPage reports whether g acts as a page.
func isPage(g *login.Grant) bool { return g.User.ID != g.User.Extra["person"] }

// postable returns the pages that the person of g may post to.
func postable(ctx context.Context, g *login.Grant) ([]facebook.Page, error) {
	pages, err := facebook.Pages(ctx, g)
	return slices.DeleteFunc(pages, func(p facebook.Page) bool { return !slices.Contains(p.Tasks, "CREATE_CONTENT") }), err
}

func indexOf(pages []facebook.Page, id string) int {
	return slices.IndexFunc(pages, func(p facebook.Page) bool { return p.ID == id })
}

func (s *site) choose(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	g, err := s.auth.GrantFor(ctx, record)
	var pages []facebook.Page
	if err == nil && !isPage(g) { // else somebody has chosen already
		pages, err = postable(ctx, g)
	}
	if i := indexOf(pages, r.PostFormValue("page")); err == nil && i >= 0 {
		err = s.keepPage(ctx, g, pages[i])
	}
	if err != nil { // of which /admin tells
		s.logger.WarnContext(ctx, "no page was chosen", "error", err)
	}
	http.Redirect(w, r, "/admin?connected", http.StatusSeeOther)
}

// again asks for the permissions that the person has declined; Facebook leaves them
// out otherwise.
func (s *site) again(w http.ResponseWriter, r *http.Request) {
	s.auth.Start(w, r, login.Start{
		Provider: s.provider.Name, Next: "/admin?connected",
		Params: url.Values{"auth_type": {"rerequest"}}, Connect: true,
	})
}

func (s *site) disconnect(w http.ResponseWriter, r *http.Request) {
	if err := s.auth.Forget(r.Context(), record); err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/admin?disconnected", http.StatusSeeOther)
}

func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.logger.ErrorContext(r.Context(), "the credentials cannot be read or written", "error", err)
	http.Error(w, "This did not work. Please try again later.", http.StatusInternalServerError)
}
