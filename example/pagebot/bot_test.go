package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/logintest"
)

// TestTrouble: whatever has become of the credentials or of Facebook, the command
// says one sentence, and /admin says the same (R54, R58, R87).
func TestTrouble(t *testing.T) {
	answer := func(status int, body string) func(*stage) {
		return func(s *stage) {
			s.fb.Set(func(fb *logintest.Facebook) {
				fb.Intercept = func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(status)
					w.Write([]byte(body))
					return true
				}
			})
		}
	}
	for _, test := range []struct {
		name     string
		pages    string
		happens  func(*stage)
		status   int
		sentence string
		admin    string
	}{
		{"expired", onePage, func(s *stage) {
			s.fb.Set(func(fb *logintest.Facebook) { fb.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } })
		}, connectAgain, "connected again: Facebook does not accept the credentials any more (facebook: status 400, OAuthException, code 190, subcode 463", "The credentials have expired."},
		{"expired before a page was chosen", twoPages, func(s *stage) {
			s.fb.Set(func(fb *logintest.Facebook) { fb.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } })
		}, connectAgain, "connected again: there are no credentials that work", "The credentials have expired."},
		{"removed at Facebook", onePage, func(s *stage) { s.withdraw() },
			connectAgain, "connected again: Facebook does not accept the credentials any more (facebook: status 400, OAuthException, code 190, subcode 458", "The app was removed at Facebook."},
		{"password changed", onePage, answer(400, `{"error":{"message":"x","type":"OAuthException","code":190,"error_subcode":460}}`),
			connectAgain, "connected again: ", "The password at Facebook was changed."},
		{"not allowed to post", onePage, answer(403, `{"error":{"message":"x","type":"OAuthException","code":200}}`),
			connectAgain, "connected again: posting there was not allowed", "Facebook does not answer"},
		{"too many requests", onePage, answer(400, `{"error":{"message":"x","type":"OAuthException","code":32}}`),
			later, "try again later", "Facebook does not answer"},
		{"trouble at Facebook", onePage, answer(503, `<html>`), later, "try again later", "Facebook does not answer"},
		{"an answer without an ID", onePage, answer(200, `{}`), later, "try again later", "Facebook does not answer"},
		{"nonsense", onePage, answer(200, "\x00"), later, "try again later", "Facebook does not answer"},
		{"refused for what it says", onePage, answer(400, `{"error":{"message":"x","type":"OAuthException","code":368}}`),
			refused, "Facebook does not want this post: ", "Facebook does not answer"},
		{"nobody is there", onePage, func(s *stage) { s.fb.Close() }, later, "try again later", "Facebook does not answer"},
		{"the key is another", onePage, func(s *stage) { s.env["SESSION_KEY"] = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" },
			connectAgain, "connected again: there are no credentials that work", ""},
		{"the record is rubbish", onePage, func(s *stage) { s.overwrite([]byte("rubbish")) },
			connectAgain, "connected again: there are no credentials that work", "The credentials do not work any more."},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, manager(test.pages))
			s.fb.Set(func(fb *logintest.Facebook) { fb.Intercept = shortLived })
			b := s.browser("sesame")
			b.connect()
			secrets := s.secrets()
			test.happens(s)
			status, out, complaint := s.command("post", "Football on Saturday")
			if status != test.status || out != "" || strings.Count(complaint, "\n") != 1 {
				t.Errorf("got status %d, %q, %q, want status %d and one line", status, out, complaint, test.status)
			}
			wantAll(t, complaint, test.sentence)
			if test.admin != "" {
				resp, page := b.get("/admin")
				if resp.StatusCode != http.StatusOK {
					t.Errorf("/admin: got %d", resp.StatusCode)
				}
				wantAll(t, page, test.admin, "Disconnect")
				if got, want := strings.Contains(page, "Connect again"), !strings.Contains(test.admin, "does not answer"); got != want {
					t.Errorf("got the button %v, want %v: %s", got, want, page)
				}
			}
			wantNone(t, complaint+s.log.String(), secrets...)
			wantNone(t, complaint+s.log.String(), "EAA")
		})
	}
}

// withdraw is what the person does at Facebook, under Business integrations.
func (s *stage) withdraw() {
	s.t.Helper()
	g, err := s.site.auth.GrantFor(s.t.Context(), record)
	if err == nil {
		err = s.site.provider.Revoke(s.t.Context(), g)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) overwrite(value []byte) {
	s.t.Helper()
	old, err := s.site.tokens.Load(s.t.Context(), record)
	if err == nil {
		_, err = s.site.tokens.Save(s.t.Context(), record, old, value)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestExpiredAndConnectedAgain: one more visit to Facebook, and the bot posts.
func TestExpiredAndConnectedAgain(t *testing.T) {
	s := newStage(t, manager(onePage))
	s.fb.Set(func(fb *logintest.Facebook) { fb.Intercept = shortLived })
	b := s.browser("sesame")
	wantAll(t, b.connect(), "The token is valid until "+time.Now().Add(5108*time.Second).UTC().Format("2 January 2006")+".")
	s.fb.Set(func(fb *logintest.Facebook) { fb.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } })
	_, page := b.get("/admin")
	wantAll(t, page, "<h1>The Facebook page has to be connected again</h1>", "Example Page 8001", "Connect again")
	wantAll(t, b.connect(), "<h1>Connected to Example Page 8001</h1>")
	if status, _, complaint := s.command("post", "Football"); status != 0 {
		t.Errorf("got status %d, %s", status, complaint)
	}
}

// TestNeverConnected: that is an error of its own kind, and no panic (R58).
func TestNeverConnected(t *testing.T) {
	s := newStage(t, manager(onePage))
	if _, _, err := s.site.post(t.Context(), "x"); !errors.Is(err, login.ErrNoToken) {
		t.Errorf("got %v, want ErrNoToken", err)
	}
	status, _, complaint := s.command("post", "Football")
	if status != connectAgain {
		t.Errorf("got status %d", status)
	}
	wantAll(t, complaint, "the Facebook page has to be connected again: ", "none is kept")
}

// TestTwice: Facebook takes the same post once, which is no reason to connect again.
func TestTwice(t *testing.T) {
	s := newStage(t, manager(onePage))
	s.browser("sesame").connect()
	s.command("post", "Football")
	status, _, complaint := s.command("post", "Football")
	if status != refused {
		t.Errorf("got status %d", status)
	}
	wantAll(t, complaint, "the last one was the same")
}

// TestSignedRequests: when the person removes the app, or wants their data deleted,
// the record goes; nobody else can do that (R57).
func TestSignedRequests(t *testing.T) {
	for _, path := range []string{"/facebook/deauthorize", "/facebook/delete"} {
		for _, test := range []struct {
			name, user string
			issued     time.Duration // from now
			tamper     string
			status     int
			removed    bool
		}{
			{"the person", "7001", time.Minute, "", 200, true},
			{"another person", "7002", time.Minute, "", 200, false},
			{"the page", "8001", time.Minute, "", 200, false},
			{"from before the connection", "7001", -time.Hour, "", 200, false},
			{"from long ago", "7001", -48 * time.Hour, "", 400, false},
			{"not signed by Facebook", "7001", time.Minute, "x", 400, false},
		} {
			t.Run(path[1:]+"/"+test.name, func(t *testing.T) {
				s := newStage(t, manager(onePage))
				s.browser("sesame").connect()
				before := s.files()
				s.fb.Set(func(fb *logintest.Facebook) { fb.Now = func() time.Time { return time.Now().Add(test.issued) } })
				signed := test.tamper + s.fb.SignedRequest(test.user)
				resp, err := http.PostForm(s.URL+path, url.Values{"signed_request": {signed}})
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if resp.StatusCode != test.status || (s.files() == "") != test.removed || !test.removed && s.files() != before {
					t.Errorf("got %d and removed %v, want %d and %v", resp.StatusCode, s.files() == "", test.status, test.removed)
				}
				if path == "/facebook/delete" && test.status == 200 {
					s.checkDeletion(resp)
				}
				wantNone(t, s.log.String(), signed)
			})
		}
	}
}

// checkDeletion follows the answer to a data deletion request, as the person may.
func (s *stage) checkDeletion(resp *http.Response) {
	s.t.Helper()
	var answer struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Code == "" || !strings.Contains(answer.URL, answer.Code) {
		s.t.Fatalf("got %+v, %v", answer, err)
	}
	resp, page := s.browser("").get(answer.URL)
	if resp.StatusCode != http.StatusOK {
		s.t.Errorf("got %d", resp.StatusCode)
	}
	wantAll(s.t, page, "<h1>Data of Facebook’s users</h1>", "deleted at once")
}

// TestExplain: every kind of error has a status of its own.
func TestExplain(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("x: %w", login.ErrNoToken), connectAgain},
		{fmt.Errorf("%w: %w", login.ErrProvider, login.ErrNoToken), connectAgain},
		{&facebook.Error{Status: 400, Code: 102}, connectAgain},
		{&facebook.Error{Status: 400, Code: 10}, connectAgain},
		{&facebook.Error{Status: 400, Code: 190, Subcode: 459}, refused}, // the person has to confirm something
		{&facebook.Error{Status: 400, Code: 1}, later},
		{&facebook.Error{Status: 400, Code: 999, Transient: true}, later},
		{&facebook.Error{Status: 500}, later},
		{&facebook.Error{Status: 429}, later},
		{&facebook.Error{Status: 400, Code: 100}, refused},
		{fmt.Errorf("%w: x", login.ErrProvider), later},
		{errors.New("disk"), mistake},
	} {
		if got, sentence := explain(test.err); got != test.want || sentence == "" {
			t.Errorf("%v: got %d, %q, want %d", test.err, got, sentence, test.want)
		}
	}
}

// TestUsage: mistakes of whoever starts the program have a status of their own.
func TestUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		env    map[string]string
		args   []string
		status int
		want   string
	}{
		{"no text", nil, []string{"post"}, mistake, "usage: "},
		{"an empty text", nil, []string{"post", ""}, mistake, "usage: "},
		{"another command", nil, []string{"paint", "x"}, mistake, "usage: "},
		{"a short key", map[string]string{"SESSION_KEY": "c2hvcnQ="}, []string{"post", "x"}, mistake, "Key"},
		{"a key that is no base64", map[string]string{"SESSION_KEY": "?"}, []string{"post", "x"}, mistake, "SESSION_KEY: "},
		{"no directory", map[string]string{"DATA_DIR": file}, []string{"post", "x"}, mistake, "DATA_DIR: "},
		{"an insecure address", map[string]string{"BASE_URL": "http://example.test"}, []string{"post", "x"}, mistake, "URL"},
		{"no site beside which a stand-in runs", map[string]string{"FACEBOOK_CLIENT_ID": ""}, []string{"post", "x"}, later, "no site runs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, manager(onePage))
			for name, value := range test.env {
				s.env[name] = value
			}
			status, out, complaint := s.command(test.args...)
			if status != test.status || out != "" {
				t.Errorf("got status %d and %q, want %d: %s", status, out, test.status, complaint)
			}
			wantAll(t, complaint, test.want)
		})
	}
}
