package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

const onePage, twoPages = "8001", "8001,8002"

// TestOnePage: the administrator connects, stays who they are, reads for how long
// the token is good, and the command posts to the page, once (R50, R53, R57, R59).
// What is kept and what is logged holds nothing that could be read.
func TestOnePage(t *testing.T) {
	s := newStage(t, manager(onePage))
	b := s.browser("sesame")
	_, page := b.get("/admin")
	wantAll(t, page, "<h1>No Facebook page is connected</h1>", "Connect the Facebook page")
	wantNone(t, page, "Disconnect")

	page = b.connect()
	renew := time.Now().Add(90 * 24 * time.Hour).UTC().Format("2 January 2006")
	wantAll(t, page, "<h1>Connected to Example Page 8001</h1>", `role="status">Connected to Example Page 8001. `,
		"The token does not end by itself; Facebook wants the data access renewed by "+renew, "Ada Example", "Disconnect")
	if _, again := b.get("/admin"); strings.Contains(again, "status") || !strings.Contains(again, "Connected to Example Page 8001") {
		t.Errorf("got a page that repeats the message, or does not know the page: %s", again)
	}
	for _, c := range b.Jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(s.URL, "http://"), Path: "/"}) {
		t.Errorf("got the cookie %s, want nobody to be logged in by Facebook", c.Name)
	}

	status, out, complaints := s.command("post", "Football on Saturday")
	if status != 0 || complaints != "" {
		t.Errorf("got status %d, %s", status, complaints)
	}
	wantAll(t, out, "Posted to Example Page 8001: Football on Saturday (8001_")
	if got := s.posts(); len(got) != 1 || got[0] != "8001 Football on Saturday" {
		t.Errorf("got the posts %q, want one", got)
	}
	if p := s.fb.Problems(); len(p) > 0 {
		t.Errorf("the stand-in complains: %q", p)
	}
	secrets := s.secrets()
	if len(secrets) < 4 { // of the app twice, of Ada, of the page
		t.Errorf("got only the secrets %q", secrets)
	}
	kept := s.files()
	if lines := strings.Count(kept, "\n"); lines != 1 {
		t.Errorf("got %d records, want one", lines)
	}
	wantNone(t, kept, append(secrets, "EAA", "Ada", "Example", "8001", "7001", "page")...)
	wantNone(t, s.log.String(), append(secrets, "EAA")...)
	wantNone(t, out, secrets...)
}

// TestSeveralPages: the administrator chooses one of those that are managed, by a
// form that no other site can send, and connecting again keeps the choice (R54).
func TestSeveralPages(t *testing.T) {
	s := newStage(t, manager(twoPages))
	b := s.browser("sesame")
	page := b.connect()
	wantAll(t, page, "<h1>Choose a page</h1>", "Example Page 8001", `value="8002"`)
	if status, _, complaint := s.command("post", "Too early"); status != connectAgain || !strings.Contains(complaint, "no page has been chosen") {
		t.Errorf("got status %d, %s", status, complaint)
	}
	before := s.files()
	for _, test := range []struct {
		name, page, from string
		status           int
		b                *browser
	}{
		{"another site", "8002", "cross-site", http.StatusForbidden, b},
		{"another origin of the site", "8002", "same-site", http.StatusForbidden, b},
		{"nobody", "8002", "same-origin", http.StatusUnauthorized, s.browser("")},
		{"wrong password", "8002", "same-origin", http.StatusUnauthorized, s.browser("open")},
		{"page of somebody else", "8003", "same-origin", http.StatusOK, b},
		{"no page", "", "same-origin", http.StatusOK, b},
	} {
		resp, body := test.b.send(http.MethodPost, "/admin/choose", url.Values{"page": {test.page}}, test.from)
		if resp.StatusCode != test.status || s.files() != before {
			t.Errorf("%s: got %d, want %d and nothing changed: %s", test.name, resp.StatusCode, test.status, body)
		}
	}
	_, page = b.post("/admin/choose", url.Values{"page": {"8002"}})
	wantAll(t, page, "<h1>Connected to Example Page 8002</h1>", "Connected to Example Page 8002. The token does not end by itself", "Ada Example")
	if _, page = b.post("/admin/choose", url.Values{"page": {"8001"}}); !strings.Contains(page, "Connected to Example Page 8002") {
		t.Errorf("got another page by a form that came twice: %s", page)
	}
	wantAll(t, b.connect(), "<h1>Connected to Example Page 8002</h1>")
	if status, _, complaint := s.command("post", "Football"); status != 0 || len(s.posts()) != 1 || s.posts()[0] != "8002 Football" {
		t.Errorf("got status %d, %s, the posts %q", status, complaint, s.posts())
	}
	wantNone(t, s.files()+s.log.String(), s.secrets()...)
}

// TestNoPage: somebody who manages none can connect, and reads what is missing.
func TestNoPage(t *testing.T) {
	s := newStage(t, manager(""))
	wantAll(t, s.browser("sesame").connect(), "<h1>There is no page to post to</h1>", "Ada Example", "Connect again", "Disconnect")
}

// TestTasks: a page where the person may not write is none to choose.
func TestTasks(t *testing.T) {
	s := newStage(t, manager(""))
	s.fb.Set(func(fb *logintest.Facebook) {
		fb.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/accounts") {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(`{"data":[{"id":"8001","name":"Read","tasks":["ANALYZE"],"access_token":"a"},
				{"id":"8002","name":"Write","tasks":["ANALYZE","CREATE_CONTENT"],"access_token":"b"}]}`))
			return true
		}
	})
	s.browser("sesame").connect()
	g, err := s.site.auth.GrantFor(t.Context(), record)
	if err != nil || g.User.ID != "8002" || g.User.Name != "Write" {
		t.Errorf("got %v, %v, want the page 8002", g, err)
	}
}

// TestWrongAccount: an account without pages, or a Facebook that does not say which
// there are, does not take the place of a connection that works.
func TestWrongAccount(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*logintest.Facebook)
		status int
		want   string
	}{
		{"no pages", func(fb *logintest.Facebook) {
			fb.Users = append(fb.Users, login.User{ID: "7009", Name: "Alan Specimen"})
			fb.LoginAs = "7009"
		}, http.StatusForbidden, "This account manages no page"},
		{"no answer", func(fb *logintest.Facebook) {
			fb.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/accounts") {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return strings.HasSuffix(r.URL.Path, "/accounts")
			}
		}, http.StatusInternalServerError, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, manager(onePage))
			b := s.browser("sesame")
			b.connect()
			before := s.files()
			s.fb.Set(test.change)
			resp, page := b.post(connectPath, nil)
			if resp.StatusCode/100 != test.status/100 || s.files() != before {
				t.Errorf("got %d, and the record changed: %v", resp.StatusCode, s.files() != before)
			}
			wantAll(t, page, test.want, "Back")
			if status, _, complaint := s.command("post", "Football"); status != 0 {
				t.Errorf("got status %d, %s", status, complaint)
			}
		})
	}
}

// TestDeclined: what was unticked is named, and asked for again (R56).
func TestDeclined(t *testing.T) {
	for _, declined := range permissions() {
		t.Run(declined, func(t *testing.T) {
			ada := manager(onePage)
			ada.Extra["declined"] = declined
			s := newStage(t, ada)
			b := s.browser("sesame")
			page := b.connect()
			wantAll(t, page, "did not allow everything", "<code>"+declined+"</code>", "Ask again")
			for _, other := range permissions() {
				if other != declined {
					wantNone(t, page, other)
				}
			}
			if status, _, complaint := s.command("post", "Football"); (status != connectAgain) != (declined == "pages_read_engagement") {
				t.Errorf("got status %d, %s", status, complaint)
			}
			resp, page := b.post("/admin/again", nil)
			if resp.Request.URL.RequestURI() != "/admin?connected" {
				t.Errorf("got to %s", resp.Request.URL)
			}
			wantAll(t, page, "<h1>Connected to Example Page 8001</h1>")
			wantNone(t, page, "did not allow", "Ask again")
			if status, _, complaint := s.command("post", "Once more"); status != 0 {
				t.Errorf("got status %d, %s", status, complaint)
			}
		})
	}
}

// TestCancel: who presses Cancel at Facebook reads so, and nothing changes, whether
// there was a connection or not (R60).
func TestCancel(t *testing.T) {
	s := newStage(t, manager(onePage))
	b := s.browser("sesame")
	for _, connected := range []bool{false, true} {
		if connected {
			b.connect()
		}
		before := s.files()
		s.fb.Set(func(fb *logintest.Facebook) { fb.Deny = true })
		resp, page := b.post(connectPath, nil)
		if resp.StatusCode != http.StatusForbidden || s.files() != before || (before == "") == connected {
			t.Errorf("got %d, and what was kept is now %q", resp.StatusCode, s.files())
		}
		wantAll(t, page, "Nothing was connected", `href="/admin?connected"`)
		s.fb.Set(func(fb *logintest.Facebook) { fb.Deny = false })
		_, page = b.get("/admin?connected")
		if got := strings.Contains(page, "<h1>Connected to"); got != connected {
			t.Errorf("got connected %v, want %v", got, connected)
		}
	}
}

// TestCallbackOfOthers: the way back from Facebook counts for the administrator who
// began, in the browser where they began, and for nobody else (R50).
func TestCallbackOfOthers(t *testing.T) {
	for _, test := range []struct {
		name   string
		by     string // who opens the callback, with the cookies of the one who began
		cookie bool
	}{
		{"nobody is logged in any more", "", true},
		{"another administrator in the same browser", "grace", true},
		{"another administrator in another browser", "grace", false},
		{"a stranger with the link", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, manager(onePage))
			s.site.whoIs = func(r *http.Request) *login.User { // another way to log in, with two people
				if _, name, _ := r.BasicAuth(); name != "" {
					return &login.User{Provider: "site", ID: name}
				}
				return nil
			}
			b := s.browser("ada")
			b.connect()
			before := s.files()
			resp, _ := b.still().post(connectPath, nil)
			resp, _ = b.still().get(resp.Header.Get("Location")) // the dialog, which goes back at once
			callback := resp.Header.Get("Location")
			if !strings.HasPrefix(callback, s.URL+"/callback/facebook?code=") && !strings.Contains(callback, "code=") {
				t.Fatalf("got %s, want the callback", callback)
			}
			other := s.browser(test.by)
			if test.cookie {
				other.Jar = b.Jar
			}
			resp, page := other.still().get(callback)
			if resp.StatusCode != http.StatusBadRequest || s.files() != before {
				t.Errorf("got %d, and the record changed: %v, want 400 and no change: %s", resp.StatusCode, s.files() != before, page)
			}
			wantNone(t, page, "Ada", "8001")
		})
	}
}

// TestDisconnect: Facebook forgets what was allowed, and nothing is kept (R87).
func TestDisconnect(t *testing.T) {
	s := newStage(t, manager(onePage))
	b := s.browser("sesame")
	b.connect()
	_, page := b.post("/admin/disconnect", nil)
	wantAll(t, page, "<h1>No Facebook page is connected</h1>", `role="status">Disconnected.`)
	if kept := s.files(); kept != "" {
		t.Errorf("got %q, want nothing to be kept", kept)
	}
	status, _, complaint := s.command("post", "Football")
	if status != connectAgain || len(s.posts()) > 0 {
		t.Errorf("got status %d and the posts %q", status, s.posts())
	}
	wantAll(t, complaint, "the Facebook page has to be connected again: ")
}
