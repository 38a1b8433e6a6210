package facebook

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/doorlatch/login"
	"golang.org/x/oauth2"
)

// A Page is one that a person manages. Printing it does not show the token.
type Page struct {
	ID, Name string

	// Tasks are what the person may do there. CREATE_CONTENT is needed to post.
	Tasks []string

	// Token acts as the page. Facebook does not say here when it expires, so its
	// Expiry is zero, which means unknown: [Inspect] a Grant of it.
	Token *oauth2.Token
}

const (
	pagesPerAnswer = 100
	maxAnswers     = 20
)

// Pages returns the pages that the user of g manages, as far as they allowed the
// app to see them (pages_show_list): none is no error. A page that comes without a
// token is left out. More than 2,000 are an error, since somebody who looked for
// one among them would not know that it is missing.
//
// The error wraps [login.ErrNoToken] if g has no token, and [login.ErrProvider]
// otherwise; it is an [*Error] if Facebook explains it. For g see [Inspect].
func Pages(ctx context.Context, g *login.Grant) ([]Page, error) {
	if !hasToken(g) {
		return nil, fmt.Errorf("%w: nothing to ask for pages with", login.ErrNoToken)
	}
	var pages []Page
	after := ""
	for range maxAnswers {
		some, next, err := accounts(ctx, g, after)
		if err != nil {
			return nil, err
		}
		pages = append(pages, some...)
		if next == "" {
			return pages, nil
		}
		after = next
	}
	return nil, fmt.Errorf("%w: GET me/accounts: want at most %d answers, have more", login.ErrProvider, maxAnswers)
}

// accounts returns the pages that come after the cursor, and the cursor of the
// next ones, if there are any.
func accounts(ctx context.Context, g *login.Grant, after string) (pages []Page, next string, err error) {
	q := url.Values{"fields": {"id,name,tasks,access_token"}, "limit": {strconv.Itoa(pagesPerAnswer)}}
	if after != "" {
		q.Set("after", after)
	}
	var answer struct {
		Data []struct {
			ID, Name    string
			Tasks       []string
			AccessToken string `json:"access_token"`
		}
		Paging struct {
			Cursors struct{ After string }
			Next    string
		}
	}
	if err := call(ctx, g, http.MethodGet, "me/accounts?"+q.Encode(), &answer); err != nil {
		return nil, "", err
	}
	if answer.Data == nil {
		return nil, "", fmt.Errorf("%w: GET me/accounts: want data", login.ErrProvider)
	}
	if len(answer.Data) > pagesPerAnswer {
		return nil, "", fmt.Errorf("%w: GET me/accounts: want at most %d pages, have %d", login.ErrProvider, pagesPerAnswer, len(answer.Data))
	}
	for _, d := range answer.Data {
		if !isNumber(d.ID) {
			return nil, "", fmt.Errorf("%w: GET me/accounts: want pages with an id", login.ErrProvider)
		}
		if d.AccessToken != "" {
			token := &oauth2.Token{AccessToken: d.AccessToken, TokenType: "Bearer"}
			pages = append(pages, Page{ID: d.ID, Name: d.Name, Tasks: d.Tasks, Token: token})
		}
	}
	// There is more if there is a next URL. Only the cursor is used: the URL holds
	// the token, and an answer must not choose where the next request goes (SSRF).
	if answer.Paging.Next == "" {
		return pages, "", nil
	}
	next = answer.Paging.Cursors.After
	if next == "" || next == after {
		return nil, "", fmt.Errorf("%w: GET me/accounts: want another cursor", login.ErrProvider)
	}
	return pages, next, nil
}

// Grant returns a Grant that acts as the page, made from the one of a person that
// [Pages] was asked with. Its User is the page: whoever keeps it should keep the
// ID of the person as well, for it is they who can withdraw it.
func (p Page) Grant(g *login.Grant) *login.Grant {
	page := &login.Grant{
		Provider: g.Provider,
		Metadata: g.Metadata,
		User:     &login.User{Provider: g.Provider.Name, ID: p.ID, Name: p.Name},
		Scopes:   slices.Clone(g.Scopes),
		Declined: slices.Clone(g.Declined),
	}
	if p.Token == nil {
		return page
	}
	token := *p.Token
	page.Token = &token
	if g.Client != nil {
		c := *g.Client
		c.Transport = &pageTransport{c.Transport, token.AccessToken}
		page.Client = &c
	}
	return page
}

// pageTransport sends requests with the token of a page.
type pageTransport struct {
	base  http.RoundTripper
	token string
}

func (t *pageTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, ok := r.Context().Value(tokenKey{}).(string); !ok { // the app's, of Inspect, stays
		r = r.WithContext(withToken(r.Context(), t.token))
	}
	return t.base.RoundTrip(r)
}
