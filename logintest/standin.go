package logintest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorlatch/login"
)

const (
	defaultClientID     = "logintest-client"
	defaultClientSecret = "logintest-secret-which-everybody-knows"
)

// settings are the exported fields of a server, as they are when a request
// arrives.
type settings struct {
	url                    string
	clientID, clientSecret string
	users                  []login.User
	loginAs                string
	interactive, deny      bool
	lifetime               time.Duration
	intercept              func(http.ResponseWriter, *http.Request) bool
	now                    func() time.Time

	sendIss, noRefresh, minimal bool   // Server and GitHub
	audience                    string // Server
	requireProof                bool   // Facebook
}

// withDefaults fills in what was left zero, so that a literal is a server too.
func (s settings) withDefaults() settings {
	if s.clientID == "" {
		s.clientID = defaultClientID
	}
	if s.clientSecret == "" {
		s.clientSecret = defaultClientSecret
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// standIn is what the servers of this package have in common.
type standIn struct {
	recorder
	ledger ledger

	fields sync.Mutex // held while the exported fields are read or changed
	once   sync.Once
	routes http.Handler
	server *http.Server
	done   chan struct{} // closed when server has stopped
}

// listen serves h on a free port of the loopback interface and returns its URL.
func (s *standIn) listen(h http.Handler) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("logintest: %v", err))
	}
	s.server = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		s.server.Serve(l)
	}()
	return "http://" + l.Addr().String()
}

// Close stops listening and closes all connections. What was received can still
// be read.
func (s *standIn) Close() {
	if s.server != nil {
		s.server.Close()
		<-s.done
	}
}

func (s *standIn) read(fields func() settings) settings {
	s.fields.Lock()
	defer s.fields.Unlock()
	return fields().withDefaults()
}

// receive records r and answers it: by Intercept, by the files that all
// stand-ins have, or by routes.
func (s *standIn) receive(w http.ResponseWriter, r *http.Request, set settings, routes func() http.Handler) {
	if r.URL.Path == "/favicon.ico" { // browsers ask for it, of which nobody wants to hear
		http.NotFound(w, r)
		return
	}
	rec, err := newRequest(r)
	s.addRequest(rec)
	if set.intercept != nil && set.intercept(w, r) {
		return
	}
	c := &call{w: w, r: r, settings: set, log: &s.recorder}
	if err != nil {
		c.refuse(http.StatusRequestEntityTooLarge, err)
		return
	}
	if key := secretInURL(rec.Query); key != "" {
		c.refuse(http.StatusBadRequest, fmt.Errorf("the URL holds %s; URLs are logged and shared", key))
		return
	}
	s.once.Do(func() { s.routes = routes() })
	if !c.serveFile() {
		s.routes.ServeHTTP(w, r)
	}
}

// secretInURL returns the name of a query parameter that must not be one.
func secretInURL(q url.Values) string {
	for _, key := range []string{
		"client_secret", "access_token", "refresh_token", "code_verifier", "id_token", "token", "fb_exchange_token",
	} {
		if q.Has(key) {
			return key
		}
	}
	return ""
}

// A call is one request on its way to an answer.
type call struct {
	w http.ResponseWriter
	r *http.Request
	settings
	log *recorder
}

// on routes pattern to h. fields is read anew for every request.
func (s *standIn) on(mux *http.ServeMux, fields func() settings, pattern string, h func(*call)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		h(&call{w: w, r: r, settings: s.read(fields), log: &s.recorder})
	})
}

// problem records what is wrong with the request.
func (c *call) problem(err error) {
	c.log.addProblem(fmt.Sprintf("%s %s: %v", c.r.Method, c.r.URL.Path, err))
}

// refuse answers with a plain sentence.
func (c *call) refuse(status int, err error) {
	c.problem(err)
	c.w.Header().Set("Cache-Control", "no-store")
	http.Error(c.w, "logintest: "+err.Error(), status)
}

func (c *call) json(status int, v any) {
	if c.w.Header().Get("Content-Type") == "" {
		c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	c.w.WriteHeader(status)
	json.NewEncoder(c.w).Encode(v)
}

// redirect goes to a URL that was checked, with params added to its query. It is
// 303 because 307 would repeat the body of a POST there (RFC 9700 section 4.12).
func (c *call) redirect(to string, params url.Values, fragment string) {
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	if len(params) > 0 {
		to += sep + params.Encode()
	}
	c.w.Header().Set("Location", to+fragment)
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(http.StatusSeeOther)
}

// form returns the parameters of a POST, which must be in the body, once each
// (RFC 6749 section 3.2).
func (c *call) form() (url.Values, error) {
	switch {
	case c.r.URL.RawQuery != "":
		return nil, errors.New("want parameters in the body only, have some in the URL")
	case !isForm(c.r):
		return nil, errors.New("want a body of type application/x-www-form-urlencoded")
	}
	if err := c.r.ParseForm(); err != nil {
		return nil, errors.New("the body is not a form")
	}
	return c.r.PostForm, repeated(c.r.PostForm)
}

// repeated reports a parameter that occurs twice (RFC 6749 section 3.1).
func repeated(v url.Values) error {
	for key, values := range v {
		if len(values) > 1 {
			return fmt.Errorf("the parameter %q occurs %d times", key, len(values))
		}
	}
	return nil
}

// bearer returns the token of the Authorization header, "" if there is none.
func (c *call) bearer(schemes ...string) string {
	scheme, value, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	for _, s := range append(schemes, "Bearer") {
		if strings.EqualFold(scheme, s) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// user returns the user with that ID, nil if there is none (any more).
func (c *call) user(id string) *login.User {
	for i := range c.users {
		if c.users[i].ID == id {
			return &c.users[i]
		}
	}
	return nil
}

// pick returns the user whom hint names, else the one of LoginAs, else the first.
func (c *call) pick(hint string) *login.User {
	for _, name := range []string{hint, c.loginAs} {
		i := slices.IndexFunc(c.users, func(u login.User) bool {
			return name != "" && (u.ID == name || u.Username == name || u.Email == name)
		})
		if i >= 0 {
			return &c.users[i]
		}
	}
	return &c.users[0]
}

// seconds is d as expires_in has it: whole, and not zero, which clients take for
// "never".
func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }
