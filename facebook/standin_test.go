package facebook_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/logintest"
)

// Against a Facebook that keeps state and has "Require App Secret" on: permissions
// declined, asked for again, and withdrawn (R53, R54, R56, R61, R87). It finds no
// fault with what it is asked.
func TestStandIn(t *testing.T) {
	fb := logintest.NewFacebook(login.User{
		ID: "1000000000000017", Name: "Grace Example", Email: "grace@example.test",
		Extra: map[string]string{"declined": "email"},
	})
	defer fb.Close()
	fb.Set(func(fb *logintest.Facebook) { fb.RequireProof = true })
	c := facebook.Config{ClientID: fb.ClientID, ClientSecret: fb.ClientSecret, DialogURL: fb.URL, GraphURL: fb.URL, LongLived: true}

	got := logIn(t, c.Provider())
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	if u := got.User; u.ID != "1000000000000017" || u.Name != "Grace Example" || u.Email != "" || u.UnverifiedEmail != "" {
		t.Errorf("got %+v, want Grace without an address", *u)
	}
	if !slices.Equal(got.Grant.Declined, []string{"email"}) {
		t.Errorf("got declined %q, want email", got.Grant.Declined)
	}
	if left := time.Until(got.Grant.Token.Expiry); left < 59*24*time.Hour {
		t.Errorf("got a token for %v, want about 60 days", left)
	}

	c.Rerequest = true
	got = logIn(t, c.Provider())
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	if got.User.UnverifiedEmail != "grace@example.test" || len(got.Grant.Declined) > 0 {
		t.Errorf("got %+v, declined %q, want the address", *got.User, got.Grant.Declined)
	}

	p := got.Grant.Provider
	if err := p.Revoke(t.Context(), got.Grant); err != nil {
		t.Error(err)
	}
	if problems := fb.Problems(); len(problems) > 0 {
		t.Errorf("got the problems %q, want none", problems)
	}
	_, err := p.Identify(t.Context(), got.Grant)
	if e, ok := errors.AsType[*facebook.Error](err); !ok && !errors.Is(err, login.ErrProvider) || ok && !e.Expired() {
		t.Errorf("got %v from a token that was withdrawn, want an expired *Error", err)
	}
	if err := p.Revoke(t.Context(), got.Grant); err != nil {
		t.Errorf("got %v for a token that was withdrawn, want nil", err)
	}
}

// The page bot against that Facebook: more pages than fit one answer, one of them
// connected, inspected and posted to, and the end of it (R54, R55, R57).
func TestStandInPages(t *testing.T) {
	var ids []string
	for i := range 130 {
		ids = append(ids, strconv.Itoa(200000000000000+i))
	}
	fb := logintest.NewFacebook(login.User{ID: "1000000000000017", Name: "Grace Example", Extra: map[string]string{"pages": strings.Join(ids, ",")}})
	defer fb.Close()
	fb.Set(func(fb *logintest.Facebook) { fb.RequireProof = true })
	p := facebook.Config{
		ClientID: fb.ClientID, ClientSecret: fb.ClientSecret, DialogURL: fb.URL, GraphURL: fb.URL,
		Scopes: []string{"public_profile", "pages_show_list", "pages_manage_posts"}, LongLived: true,
	}.Provider()
	got := logIn(t, p)
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	pages, err := facebook.Pages(t.Context(), got.Grant)
	if err != nil || len(pages) != len(ids) || pages[129].ID != ids[129] {
		t.Fatalf("got %d pages, error %v, want all %d", len(pages), err, len(ids))
	}
	page := pages[129].Grant(got.Grant)
	i, err := facebook.Inspect(t.Context(), page)
	if err != nil || !i.Valid || i.Type != "PAGE" || i.Page != ids[129] || i.User != got.User.ID || !i.Expires.IsZero() {
		t.Fatalf("got %+v, error %v, want a token of page %s without an end", i, err, ids[129])
	}
	if days, ok := i.DaysLeft(); !ok || days != 89 {
		t.Errorf("got %d days, %v, want 89", days, ok)
	}
	resp, err := page.Client.PostForm("me/feed", url.Values{"message": {"Hello"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got status %d for a post, want 200", resp.StatusCode)
	}
	if i, err = facebook.Inspect(t.Context(), got.Grant); err != nil || i.Type != "USER" || !slices.Contains(i.Scopes, "pages_show_list") {
		t.Errorf("got %+v, error %v, want the user's token", i, err)
	}
	if err = p.Revoke(t.Context(), got.Grant); err != nil {
		t.Fatal(err)
	}
	if i, err = facebook.Inspect(t.Context(), page); err != nil || i.Valid || !i.Reason.Expired() {
		t.Errorf("got %+v, error %v, want a token that was withdrawn", i, err)
	}
	if problems := fb.Problems(); len(problems) > 0 {
		t.Errorf("got the problems %q, want none", problems)
	}
	_, err = facebook.Pages(t.Context(), got.Grant)
	if e, ok := errors.AsType[*facebook.Error](err); !ok || !e.Expired() {
		t.Errorf("got %v, want an expired *Error", err)
	}
}

// With token and client of a session, as a page that shows how long the connection
// lasts has them.
func TestStandInSession(t *testing.T) {
	fb := logintest.NewFacebook()
	defer fb.Close()
	p := fb.Provider()
	var auth *login.Auth
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth.Wrap(auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, err := auth.Token(w, r)
			if err != nil {
				t.Error(err)
				return
			}
			client, err := auth.Client(w, r)
			if err != nil {
				t.Error(err)
				return
			}
			i, err := facebook.Inspect(r.Context(), &login.Grant{Provider: p, Token: token, Client: client})
			if err != nil || !i.Valid || i.User != login.UserFrom(r.Context()).ID || i.Expires.Sub(token.Expiry).Abs() > time.Minute {
				t.Errorf("got %+v, error %v, want the user's token", i, err)
			}
			io.WriteString(w, "seen")
		}))).ServeHTTP(w, r)
	}))
	defer app.Close()
	var err error
	auth, err = login.New(login.Config{
		URL: app.URL, Key: []byte("0123456789abcdefghijklmnopqrstuv"), Providers: []login.Provider{p}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	browser := app.Client()
	browser.Jar, _ = cookiejar.New(nil)
	resp, err := browser.Get(app.URL + "/login/facebook")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, failed := io.ReadAll(resp.Body); failed != nil || string(b) != "seen" {
		t.Errorf("got %q, error %v, want the page", b, failed)
	}
}
