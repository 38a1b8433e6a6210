package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
)

// post puts text on the page, and returns the page's name and the ID of the post.
func (s *site) post(ctx context.Context, text string) (page, id string, err error) {
	g, err := s.auth.GrantFor(ctx, record)
	if err != nil {
		return "", "", err
	}
	if !isPage(g) {
		return "", "", fmt.Errorf("%w: no page has been chosen", login.ErrNoToken)
	}
	form := strings.NewReader(url.Values{"message": {text}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.User.ID+"/feed", form) // of Provider.API
	if err != nil {
		return "", "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := g.Client.Do(r)
	if err != nil {
		if !errors.Is(err, login.ErrNoToken) {
			err = fmt.Errorf("%w: %w", login.ErrProvider, err)
		}
		return "", "", err
	}
	defer resp.Body.Close()
	id, err = readPost(resp)
	return g.User.Name, id, err
}

// readPost returns the ID of the post.
func readPost(resp *http.Response) (id string, err error) {
	if err = facebook.ResponseError(resp); err != nil {
		return "", err
	}
	var answer struct{ ID string }
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer)
	if err != nil || answer.ID == "" {
		return "", fmt.Errorf("%w: want the ID of the post", login.ErrProvider)
	}
	return answer.ID, nil
}

// The exit statuses of the command.
const (
	connectAgain = 1 + iota
	mistake
	later
	refused
)

// explain returns what to tell whoever runs the command.
func explain(err error) (status int, sentence string) {
	e, fromFacebook := errors.AsType[*facebook.Error](err)
	switch {
	case errors.Is(err, login.ErrNoToken):
		return connectAgain, fmt.Sprintf("the Facebook page has to be connected again: there are no credentials that work (%v)", err)
	case fromFacebook && e.Expired():
		return connectAgain, fmt.Sprintf("the Facebook page has to be connected again: Facebook does not accept the credentials any more (%v)", e)
	case fromFacebook && (e.Code == 10 || 200 <= e.Code && e.Code < 300):
		return connectAgain, fmt.Sprintf("the Facebook page has to be connected again: posting there was not allowed (%v)", e)
	case fromFacebook && !isPassing(e):
		return refused, fmt.Sprintf("Facebook does not want this post: %s", whyRefused(e))
	case errors.Is(err, login.ErrProvider):
		return later, fmt.Sprintf("Facebook could not be reached or did not answer as it should, try again later (%v)", err)
	}
	return mistake, err.Error()
}

// isPassing reports whether Facebook may take the same post later: it has trouble,
// or has had too many requests.
func isPassing(e *facebook.Error) bool {
	return e.Transient || e.Status >= 500 || e.Status == http.StatusTooManyRequests ||
		slices.Contains([]int{1, 2, 4, 17, 32, 341, 613}, e.Code)
}

func whyRefused(e *facebook.Error) string {
	if e.Code == 506 {
		return "the last one was the same"
	}
	return e.Error()
}
