// Package app is the example application: its configuration and its handlers. It
// is a package of its own so that another program can start the same application
// with another session store:
//
//	c, err := app.FromEnv(os.Getenv)
//	…
//	c.Store = store
//	err = app.Run(ctx, c, os.Stdout)
package app

import (
	"cmp"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/doorlatch/login"
)

// Config is what the application is started with.
//
// Printing a Config shows no secret.
type Config struct {
	// Config says how people log in. Store and Logger may be set after
	// [FromEnv]. If Key is empty, it is random: logins end with the program.
	login.Config

	// Addr is where [Run] listens, by plain HTTP.
	Addr string

	// Notice is a sentence above the buttons of the home page. It may be empty.
	Notice string
}

// site is the application at work.
type site struct {
	auth   *login.Auth
	logger *slog.Logger
	look   *look
	base   string // path of Config.URL, without a slash at the end
	labels map[string]string
	config Config
}

// New returns the application:
//
//	GET  /                      says whether the visitor is logged in
//	GET  /me                    who that is, as a page or as JSON
//	GET  /login, /login/{name}  by login.Auth
//	GET  /callback/{name}       by login.Auth
//	POST /logout                by login.Auth
//	GET  /healthz               says that the application runs
//
// The error names every mistake in c at once.
func New(c Config) (http.Handler, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if len(c.Key) == 0 {
		c.Key = make([]byte, 32)
		rand.Read(c.Key)
		c.Logger.Warn("SESSION_KEYS is not set: the key is random, and all logins end with this program")
	}
	auth, err := login.New(c.Config)
	if err != nil {
		return nil, err
	}
	look, err := newLook(c.Providers)
	if err != nil {
		return nil, err
	}
	s := &site{auth: auth, logger: c.Logger, look: look, labels: make(map[string]string), config: c}
	if u, err := url.Parse(c.URL); err == nil {
		s.base = strings.TrimSuffix(u.Path, "/")
	}
	for _, p := range c.Providers {
		s.labels[p.Name] = cmp.Or(p.Label, p.Name)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.Handle("GET /me", auth.Require(http.HandlerFunc(s.me)))
	mux.HandleFunc("GET /healthz", health)
	return auth.Wrap(mux), nil
}

func health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, "ok\n")
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	page := homePage{
		Title: "You are not logged in", Person: s.person(login.UserFrom(r.Context())),
		Notice: s.config.Notice, Logout: s.base + "/logout",
	}
	if page.Person != nil {
		page.Title = "You are logged in as " + page.Person.Name
	}
	for _, p := range s.config.Providers {
		label := s.labels[p.Name]
		page.Buttons = append(page.Buttons, button{initials(label, 1), label, s.base + "/login/" + p.Name + "?next=/me"})
	}
	s.look.write(w, "home.html", page)
}
