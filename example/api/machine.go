package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// newMachine returns a client that calls an API as itself, for jobs that act for
// no person (RFC 6749 section 4.4). It gets a token with its first request and
// again when that has expired. The token opens the API. It is no login: no
// browser is involved, and there is no session.
func newMachine(ctx context.Context, c clientcredentials.Config) *http.Client {
	// This client gets the tokens, and its transport makes all requests.
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Timeout: 10 * time.Second})
	client := c.Client(ctx)
	client.Timeout = 30 * time.Second
	// The token is added to every request, so one that is redirected would take
	// it to another server.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

// postNote is what a job does with it.
func postNote(client *http.Client, site, text string) (string, error) {
	resp, err := client.Post(site+"/api/notes", "application/json", strings.NewReader(fmt.Sprintf(`{"text":%q}`, text)))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("want status 201, have %s: %s", resp.Status, body)
	}
	return string(body), err
}
