package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

var buildPagebot = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(workDir, "pagebot")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, "./example/pagebot")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the page bot does not build: %w\n%s", err, out)
	}
	return file, nil
})

const adminPassword = "a-password-of-the-club"

// A club is example/pagebot at work: the site, and the command beside it.
type club struct {
	*process
	t              *testing.T
	file, url, dir string
	env            []string
}

func startClub(t *testing.T, env ...string) *club {
	t.Helper()
	file, err := buildPagebot()
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	c := &club{t: t, file: file, url: "http://localhost:" + port, dir: t.TempDir()}
	c.env = append(env, "ADDR="+addr, "BASE_URL="+c.url, "DATA_DIR="+c.dir, "ADMIN_PASSWORD="+adminPassword)
	c.process = start(t, func(line string) bool { return strings.HasPrefix(line, "Open ") }, c.env, file)
	return c
}

// admin opens /admin by the address bar, as somebody who types the password.
func (c *club) admin(b *tab) int64 {
	b.t.Helper()
	return b.open(strings.Replace(c.url, "://", "://admin:"+adminPassword+"@", 1) + "/admin")
}

// post runs the command.
func (c *club) post(text string) (status int, said string) {
	c.t.Helper()
	cmd := exec.CommandContext(bounded(c.t), c.file, "post", text)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// kept returns what is in the files of the credentials, and their names.
func (c *club) kept() string {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.dir, "tokens", "*"))
	if err != nil {
		c.t.Fatal(err)
	}
	all := ""
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(b) > 0 { // not a lock
			all += filepath.Base(file) + " " + string(b) + "\n"
		}
	}
	return all
}

// graceWithPages is a Facebook where Grace manages two pages, as the site is to be
// configured for it.
func graceWithPages(t *testing.T) (*logintest.Facebook, []string) {
	fb := logintest.NewFacebook(
		login.User{ID: "7001", Name: "Ada Example", Extra: map[string]string{"pages": "8001"}},
		login.User{ID: "7002", Name: "Grace Sample", Extra: map[string]string{"pages": "8002,8003"}},
	)
	t.Cleanup(fb.Close)
	fb.Set(func(s *logintest.Facebook) { s.Interactive, s.RequireProof = true, true })
	return fb, []string{"FACEBOOK_CLIENT_ID=" + fb.ClientID, "FACEBOOK_CLIENT_SECRET=" + fb.ClientSecret,
		"FACEBOOK_DIALOG_URL=" + fb.URL, "FACEBOOK_GRAPH_URL=" + fb.URL}
}

// secretsOf returns what could be read in clear if it were kept so.
func secretsOf(fb *logintest.Facebook) []string {
	all := []string{fb.ClientSecret}
	for _, r := range fb.Requests() {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		for _, secret := range []string{token, r.Query.Get("input_token"), r.Form.Get("fb_exchange_token")} {
			if secret != "" {
				all = append(all, secret)
			}
		}
	}
	return all
}

// postsTo returns what the stand-in has received for the page.
func postsTo(fb *logintest.Facebook, page string) (all []string) {
	for _, r := range fb.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/"+page+"/feed") {
			all = append(all, r.Form.Get("message"))
		}
	}
	return all
}

// withoutLongLived answers the exchange for a long-lived token with the token that
// was handed in, so that those of pages end, too.
func withoutLongLived(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || r.PostFormValue("grant_type") != "fb_exchange_token" {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"access_token": r.PostForm.Get("fb_exchange_token"), "token_type": "bearer", "expires_in": 5108,
	})
	return true
}

// The administrator of a site, who is logged in there by other means, connects one
// of two pages, stays who they are, and the command posts; what is kept cannot be
// read. When the credentials have expired, both say so, and connecting once more is
// all there is to do (R50, R54, R57, R59, R87).
func TestPagebot(t *testing.T) {
	if err := os.MkdirAll("screenshots", 0o755); err != nil {
		t.Fatal(err)
	}
	fb, env := graceWithPages(t)
	c := startClub(t, env...)
	b := newBrowser(t)
	tab := b.newTab(t)
	if status := c.admin(tab); status != 200 {
		t.Errorf("got status %d, want 200", status)
	}
	tab.see("No Facebook page is connected", "Connect the Facebook page")
	tab.audit("pagebot-none", screens)
	tab.press("Connect the Facebook page")
	tab.see("Stand-in for Facebook", "pages_manage_posts")
	tab.tick("Grace Sample")
	tab.press("Allow")
	tab.see("Choose a page", "Grace Sample manages these pages", "Example Page 8002")
	tab.audit("pagebot-choose", screens)
	tab.tick("Example Page 8003")
	tab.press("Use this page")
	renew := time.Now().Add(90 * 24 * time.Hour).UTC().Format("2 January 2006")
	tab.see("Connected to Example Page 8003", "Connected to Example Page 8003. The token does not end by itself; "+
		"Facebook wants the data access renewed by "+renew+".", "Grace Sample")
	tab.audit("pagebot-connected", screens)
	if cookies := b.cookies(); len(cookies) > 0 {
		t.Errorf("got the cookies %v, want nobody to be logged in by Facebook", cookies)
	}

	c.wantPost(fb, "8003", "Football on Saturday")
	c.wantSealed(fb)

	fb.Set(func(s *logintest.Facebook) { s.Intercept = withoutLongLived })
	tab.press("Connect again")
	tab.tick("Grace Sample")
	tab.press("Allow")
	tab.see("Connected to Example Page 8003", "The token is valid until")
	c.wantPost(fb, "8003", "Chess on Sunday")
	fb.Set(func(s *logintest.Facebook) { s.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } })
	status, said := c.post("Tennis on Monday")
	if status != 1 || !strings.HasPrefix(said, "the Facebook page has to be connected again: ") || strings.Count(said, "\n") != 1 {
		t.Errorf("got status %d and %q, want 1 and one sentence", status, said)
	}
	c.admin(tab)
	tab.see("The Facebook page has to be connected again", "The credentials have expired.", "Example Page 8003")
	tab.audit("pagebot-ended", screens)
	tab.press("Connect again")
	tab.tick("Grace Sample")
	tab.press("Allow")
	tab.see("Connected to Example Page 8003")
	c.wantPost(fb, "8003", "Tennis on Tuesday")
	c.wantSealed(fb)
}

// wantPost posts, and looks whether the stand-in has it.
func (c *club) wantPost(fb *logintest.Facebook, page, text string) {
	c.t.Helper()
	status, said := c.post(text)
	posts := postsTo(fb, page)
	if status != 0 || len(posts) == 0 || posts[len(posts)-1] != text || !strings.HasPrefix(said, "Posted to Example Page "+page+": "+text) {
		c.t.Errorf("got status %d and %q, and the posts %q", status, said, posts)
	}
}

// wantSealed looks for secrets and names where they must not be in clear.
func (c *club) wantSealed(fb *logintest.Facebook) {
	c.t.Helper()
	kept := c.kept()
	if n := strings.Count(kept, "\n"); n != 1 {
		c.t.Errorf("got %d records, want one: %q", n, kept)
	}
	for _, secret := range append(secretsOf(fb), "EAA") {
		if strings.Contains(kept, secret) || strings.Contains(c.text(), secret) {
			c.t.Errorf("%q is kept or logged in clear", secret)
		}
	}
	for _, name := range []string{"Grace", "Example Page", "7002", "8003"} {
		if strings.Contains(kept, name) {
			c.t.Errorf("%q is kept in clear", name)
		}
	}
}

// Cancel changes nothing; what was unticked is named and asked for again; a Facebook
// that does not answer is no reason to connect again (R56, R60).
func TestPagebotSecondThoughts(t *testing.T) {
	if err := os.MkdirAll("screenshots", 0o755); err != nil {
		t.Fatal(err)
	}
	fb, env := graceWithPages(t)
	c := startClub(t, env...)
	tab := newBrowser(t).newTab(t)
	c.admin(tab)
	tab.press("Connect the Facebook page")
	if status := tab.press("Refuse"); status != 403 {
		t.Errorf("got status %d, want 403", status)
	}
	tab.see("Nothing was connected", "Back")
	tab.audit("pagebot-cancelled", screens)
	tab.press("Back")
	tab.see("No Facebook page is connected")

	tab.press("Connect the Facebook page")
	tab.tick("Ada Example")
	tab.tick("pages_manage_posts")
	tab.press("Allow")
	tab.see("Connected to Example Page 8001", "Ada Example did not allow everything", "pages_manage_posts")
	tab.audit("pagebot-declined", screens)
	if status, said := c.post("Football"); status != 1 || !strings.Contains(said, "posting there was not allowed") {
		t.Errorf("got status %d and %q", status, said)
	}
	tab.press("Ask again")
	if again := tab.lastVisit(fb.URL + "/v"); !strings.Contains(again, "auth_type=rerequest") {
		t.Errorf("got to %s, want auth_type=rerequest", again)
	}
	tab.tick("Ada Example")
	tab.press("Allow")
	tab.see("Connected to Example Page 8001")
	if text := tab.text(); strings.Contains(text, "did not allow") {
		t.Errorf("got %s", text)
	}
	c.wantPost(fb, "8001", "Football")

	fb.Set(func(s *logintest.Facebook) {
		s.Intercept = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
	})
	c.admin(tab)
	tab.see("Facebook does not answer", "Example Page 8001 is connected")
	tab.audit("pagebot-unknown", screens)
	if status, said := c.post("Chess"); status != 3 || !strings.Contains(said, "try again later") {
		t.Errorf("got status %d and %q", status, said)
	}
	fb.Set(func(s *logintest.Facebook) { s.Intercept = nil })
	tab.press("Look again")
	tab.see("Connected to Example Page 8001")
	tab.press("Disconnect")
	tab.see("No Facebook page is connected", "Disconnected. The credentials have been deleted")
	tab.audit("pagebot-disconnected", screens)
	if kept := c.kept(); kept != "" {
		t.Errorf("got %q, want nothing to be kept", kept)
	}
	tab.open(c.url + "/facebook/deleted?code=x")
	tab.see("Data of Facebook’s users", "deleted at once")
	tab.audit("pagebot-deleted", screens)
}

// With nothing configured, the whole story works offline, and the command finds the
// stand-in that the site has started.
func TestPagebotOffline(t *testing.T) {
	c := startClub(t)
	tab := newBrowser(t).newTab(t)
	c.admin(tab)
	tab.press("Connect the Facebook page")
	tab.tick("Ada Example")
	tab.press("Allow")
	tab.see("Connected to Example Page 200000000000001")
	status, said := c.post("Football on Saturday")
	if status != 0 || !strings.HasPrefix(said, "Posted to Example Page 200000000000001: Football on Saturday (200000000000001_") {
		t.Errorf("got status %d and %q", status, said)
	}
	tab.press("Disconnect")
	tab.see("No Facebook page is connected")
	if status, said = c.post("Chess on Sunday"); status != 1 || !strings.Contains(said, "connected again") {
		t.Errorf("got status %d and %q", status, said)
	}
}
