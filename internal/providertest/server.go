// Package providertest is what the tests of providers share: a server that
// answers from the fixtures below testdata, and a browser that logs in with it.
// Only tests import it.
package providertest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// An Answer is what a provider says to one request.
type Answer struct {
	Status  int
	Headers map[string]string
	Body    json.RawMessage // a string is the text itself
}

// JSON returns an answer whose content type is JSON, unless headers, which are
// names and values, say otherwise.
func JSON(status int, body string, headers ...string) Answer {
	a := Answer{Status: status, Headers: map[string]string{"Content-Type": "application/json; charset=utf-8"}}
	a.Body, _ = json.Marshal(body)
	for i := 0; i+1 < len(headers); i += 2 {
		a.Headers[headers[i]] = headers[i+1]
	}
	return a
}

// Send writes a to w.
func (a Answer) Send(w http.ResponseWriter) {
	for key, value := range a.Headers {
		w.Header().Set(key, value)
	}
	w.WriteHeader(a.Status)
	var text string
	if json.Unmarshal(a.Body, &text) == nil {
		io.WriteString(w, text)
		return
	}
	w.Write(a.Body)
}

// A Fixture is a file below testdata: an answer and the request for it, or what
// the browser brings back.
type Fixture struct {
	Request  struct{ Headers, Form, Params map[string]string }
	Response Answer
	Callback struct{ Query map[string]string }
}

// Load reads testdata/name.json.
func Load(t *testing.T, name string) Fixture {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var f Fixture
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// A Request is one that a Server got.
type Request struct {
	Line   string // method and what is asked for, by which answers are chosen
	Method string
	URI    string
	Path   string // escaped
	Query  url.Values
	Header http.Header
	Body   []byte
}

// Form returns the body as a form.
func (r Request) Form() url.Values {
	form, _ := url.ParseQuery(string(r.Body))
	return form
}

// A Site is what is particular to one provider.
type Site struct {
	AuthorizePath string
	Line          func(Request) string // names a request to anything but AuthorizePath
	Answers       map[string]string    // names of fixtures, by Line
	Canaries      Canaries
}

// A Server stands for a provider, on loopback. A request for which it has no
// answer, or with a canary in its URL, fails the test.
type Server struct {
	*httptest.Server
	Callback map[string]string // what the browser brings back; STATE is that of the flow

	t    *testing.T
	site Site

	mu      sync.Mutex
	answers map[string]Answer // by Line
	got     []Request
}

// Start returns a Server that sends the browser back with the fixture
// callback_ok.
func Start(t *testing.T, site Site) *Server {
	t.Helper()
	s := &Server{Callback: Load(t, "callback_ok").Callback.Query, t: t, site: site, answers: map[string]Answer{}}
	for line, name := range site.Answers {
		s.answers[line] = Load(t, name).Response
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := Request{Method: r.Method, URI: r.RequestURI, Path: r.URL.EscapedPath(), Query: r.URL.Query(), Header: r.Header, Body: body}
	if r.URL.Path == s.site.AuthorizePath {
		s.authorize(w, r, got)
		return
	}
	got.Line = s.site.Line(got)
	s.mu.Lock()
	s.got = append(s.got, got)
	answer, ok := s.answers[got.Line]
	s.mu.Unlock()
	if !ok {
		s.t.Errorf("got a request for %s, want none", r.RequestURI)
		answer.Status = http.StatusNotImplemented
	}
	s.site.Canaries.NotIn(s.t, r.RequestURI)
	answer.Send(w)
}

const authorizeLine = "GET authorize"

// authorize sends the browser back.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, got Request) {
	got.Line = authorizeLine
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, got)
	back := url.Values{}
	for key, value := range s.Callback {
		back.Set(key, strings.ReplaceAll(value, "STATE", got.Query.Get("state")))
	}
	http.Redirect(w, r, got.Query.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// Set answers requests of that line with a.
func (s *Server) Set(line string, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[line] = a
}

// Lines returns the lines of the requests since the authorization.
func (s *Server) Lines() []string {
	var lines []string
	for _, r := range s.Requests() {
		if r.Line != authorizeLine {
			lines = append(lines, r.Line)
		}
	}
	return lines
}

// Requests returns all requests, the oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// Last returns the latest request with that line; for the authorization, that is
// "GET authorize".
func (s *Server) Last(line string) Request {
	s.t.Helper()
	for _, r := range slices.Backward(s.Requests()) {
		if r.Line == line {
			return r
		}
	}
	s.t.Fatalf("got no request %s", line)
	return Request{}
}
