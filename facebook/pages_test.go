package facebook_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/internal/providertest"
	"github.com/doorlatch/login/logintest"
	"golang.org/x/oauth2"
)

// The pages that somebody manages (R57).
func TestPages(t *testing.T) {
	fb := start(t, map[string]string{"GET me/accounts": "accounts"})
	got, err := facebook.Pages(t.Context(), grant(t, fb))
	if err != nil {
		t.Fatal(err)
	}
	want := []facebook.Page{{
		ID: "200000000000002", Name: "Example Page", Tasks: []string{"ANALYZE", "ADVERTISE", "MODERATE", "CREATE_CONTENT", "MANAGE"},
		Token: &oauth2.Token{AccessToken: pageToken, TokenType: "Bearer"},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v with their tokens", got, want)
	}
	r := fb.Last("GET me/accounts")
	if r.Header.Get("Authorization") != "Bearer "+short || r.Query.Get("limit") != "100" {
		t.Errorf("got limit %q or another header, want 100 pages asked for as the user", r.Query.Get("limit"))
	}
	if fields := strings.Split(r.Query.Get("fields"), ","); !slices.Contains(fields, "access_token") || !slices.Contains(fields, "tasks") {
		t.Errorf("got fields %q, want tokens and tasks", fields)
	}
}

// accountsAnswer is a page of the list, with the cursor after; next is the URL.
func accountsAnswer(id int, after, next string) providertest.Answer {
	paging := fmt.Sprintf(`"cursors":{"before":"b","after":%q}`, after)
	if next != "" {
		paging += fmt.Sprintf(`,"next":%q`, next)
	}
	return providertest.JSON(200, fmt.Sprintf(`{"data":[{"id":"%d","name":"n","access_token":"EAAP%d"}],"paging":{%s}}`, id, id, paging))
}

// What follows is asked for by cursor, and never at the URL of the answer: that one
// holds a token, or leads elsewhere. The list ends where there is no such URL.
func TestPagesPaging(t *testing.T) {
	fb := start(t, nil)
	g := grant(t, fb)
	const elsewhere = "https://evil.example/v25.0/me/accounts?access_token=EAASYNTHETICSHORT&after=evil"
	fb.Set("GET me/accounts", accountsAnswer(1, "a/b+c=&", elsewhere))
	fb.Set("GET me/accounts after a/b+c=&", accountsAnswer(2, "two", fb.URL+"/elsewhere"))
	fb.Set("GET me/accounts after two", accountsAnswer(3, "three", ""))
	pages, err := facebook.Pages(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range pages {
		ids = append(ids, p.ID)
	}
	if want := []string{"1", "2", "3"}; !slices.Equal(ids, want) {
		t.Errorf("got pages %q, want %q", ids, want)
	}
	want := []string{"GET me/accounts", "GET me/accounts after a/b+c=&", "GET me/accounts after two"}
	if got := fb.Lines()[3:]; !slices.Equal(got, want) {
		t.Errorf("got requests %q, want %q", got, want)
	}
	if r := fb.Last("GET me/accounts after two"); r.Header.Get("Authorization") != "Bearer "+short || r.Query.Get("limit") != "100" {
		t.Error("got what follows asked for in another way, want the same")
	}
}

// A list may have 20 answers of 100 pages, and a longer one is an error.
func TestPagesBound(t *testing.T) {
	var ids []string
	for i := range 2001 {
		ids = append(ids, strconv.Itoa(i+1))
	}
	for _, n := range []int{2000, 2001} {
		user := login.User{ID: "1", Name: "Grace", Extra: map[string]string{"pages": strings.Join(ids[:n], ",")}}
		fb := logintest.NewFacebook(user)
		defer fb.Close()
		p := fb.Provider()
		p.Scopes = []string{"pages_show_list"}
		got := logIn(t, p)
		if got.Err != nil {
			t.Fatal(got.Err)
		}
		pages, err := facebook.Pages(t.Context(), got.Grant)
		if n == 2000 && (err != nil || len(pages) != n) || n > 2000 && (pages != nil || !errors.Is(err, login.ErrProvider)) {
			t.Errorf("%d pages: got %d, error %v, want all of at most 2000", n, len(pages), err)
		}
		requests := 0
		for _, r := range fb.Requests() {
			if strings.HasSuffix(r.Path, "/me/accounts") {
				requests++
			}
		}
		if requests != 20 {
			t.Errorf("%d pages: got %d requests, want 20", n, requests)
		}
	}
}

// Odd answers. No part of a list passes for the whole.
func TestPagesAnswers(t *testing.T) {
	many := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, `{"id":"`+strconv.Itoa(i+1)+`","access_token":"EAAP"}`)
		}
		return `{"data":[` + strings.Join(all, ",") + `]}`
	}
	tests := []struct {
		name   string
		answer providertest.Answer
		want   int // -1: an error
		code   int // of the *Error; 0: none
	}{
		{"none", providertest.JSON(200, `{"data":[]}`), 0, 0},
		{"called JavaScript", providertest.JSON(200, many(1), "Content-Type", "text/javascript; charset=UTF-8"), 1, 0},
		{"full", providertest.JSON(200, many(100)), 100, 0},
		{"overfull", providertest.JSON(200, many(101)), -1, 0},
		{"one without a token", providertest.JSON(200, `{"data":[{"id":"1","name":"n"},{"id":"2","access_token":"EAAP"}]}`), 1, 0},
		{"no data", providertest.JSON(200, `{}`), -1, 0},
		{"no id", providertest.JSON(200, `{"data":[{"access_token":"EAAP"}]}`), -1, 0},
		{"a path for an id", providertest.JSON(200, `{"data":[{"id":"../me","access_token":"EAAP"}]}`), -1, 0},
		{"a number for a token", providertest.JSON(200, `{"data":[{"id":"1","access_token":1}]}`), -1, 0},
		{"next without a cursor", accountsAnswer(1, "", "https://x.example/"), -1, 0},
		{"expired", providertest.Load(t, "me_error_190_expired").Response, -1, 190},
		{"error with status 200", providertest.JSON(200, `{"error":{"code":17},"data":[]}`), -1, 17},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fb := start(t, nil)
			g := grant(t, fb)
			fb.Set("GET me/accounts", tt.answer)
			pages, err := facebook.Pages(t.Context(), g)
			if tt.want >= 0 {
				if err != nil || len(pages) != tt.want {
					t.Errorf("got %d pages, error %v, want %d", len(pages), err, tt.want)
				}
				return
			}
			if pages != nil || !errors.Is(err, login.ErrProvider) {
				t.Fatalf("got %d pages, error %v, want ErrProvider", len(pages), err)
			}
			if e, ok := errors.AsType[*facebook.Error](err); tt.code != 0 && (!ok || e.Code != tt.code) {
				t.Errorf("got %v, want code %d", err, tt.code)
			}
			noSecret(t, err)
		})
	}
}

// What follows needs a cursor, and another one than before.
func TestPagesCursor(t *testing.T) {
	for _, next := range []string{"a", ""} {
		fb := start(t, nil)
		g := grant(t, fb)
		fb.Set("GET me/accounts", accountsAnswer(1, "a", "https://x.example/"))
		fb.Set("GET me/accounts after a", accountsAnswer(2, next, "https://x.example/"))
		before := len(fb.Lines())
		if pages, err := facebook.Pages(t.Context(), g); pages != nil || !errors.Is(err, login.ErrProvider) {
			t.Errorf("cursor %q: got %d pages, error %v, want ErrProvider", next, len(pages), err)
		}
		if got := len(fb.Lines()) - before; got != 2 {
			t.Errorf("cursor %q: got %d requests, want 2", next, got)
		}
	}
}

// A page's grant acts as the page, with the proof of its own token, and leaves that
// of the person alone (R57, R61).
func TestPageGrant(t *testing.T) {
	fb := start(t, map[string]string{"GET me/accounts": "accounts", "GET debug_token": "debug_token_page_never_expires"})
	fb.Set("POST 200000000000002/feed", providertest.JSON(200, `{"id":"200000000000002_1"}`))
	g := grant(t, fb)
	pages, err := facebook.Pages(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	page := pages[0].Grant(g)
	pages[0].Token.AccessToken = "changed" // too late
	if u := page.User; u.Provider != "facebook" || u.ID != "200000000000002" || u.Name != "Example Page" {
		t.Errorf("got %+v, want the page", *u)
	}
	if page.Token.AccessToken != pageToken || !page.Token.Expiry.IsZero() || !slices.Equal(page.Scopes, g.Scopes) || page.Provider.Name != "facebook" {
		t.Errorf("got %v with another token, want the page's", page)
	}
	resp, err := page.Client.Post("200000000000002/feed", "application/x-www-form-urlencoded", strings.NewReader("message=Hello"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	wantBearer := func(line, token string) {
		t.Helper()
		if fb.Last(line).Header.Get("Authorization") != "Bearer "+token { // its proof is checked with every request
			t.Errorf("%s: got another token, want %s", line, token)
		}
	}
	wantBearer("POST 200000000000002/feed", pageToken)

	i, err := facebook.Inspect(t.Context(), page)
	if err != nil || i.Page != page.User.ID {
		t.Errorf("got %+v, error %v, want the page", i, err)
	}
	wantBearer("GET debug_token", appToken)
	if got := fb.Last("GET debug_token").Query.Get("input_token"); got != pageToken {
		t.Errorf("got %q inspected, want the page's token", got)
	}
	if err := page.Get(t.Context(), "me", new(any)); err != nil {
		t.Error(err)
	}
	wantBearer("GET me", pageToken)
	if err := g.Get(t.Context(), "me", new(any)); err != nil {
		t.Error(err)
	}
	wantBearer("GET me", short)
}

// Nobody but the Graph API receives the token of a page.
func TestPageGrantElsewhere(t *testing.T) {
	fb := start(t, map[string]string{"GET me/accounts": "accounts"})
	g := grant(t, fb)
	pages, err := facebook.Pages(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan http.Header, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	defer other.Close()
	resp, err := pages[0].Grant(g).Client.Get(other.URL + "/me")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if (<-got).Get("Authorization") != "" {
		t.Error("got a token at another origin, want none")
	}
}
