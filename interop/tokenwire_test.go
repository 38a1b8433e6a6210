package interop_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// A tokenWire is the way from an application to a provider. It sees what passes.
type tokenWire struct {
	base *http.Transport

	mu        sync.Mutex
	refreshed []string // the refresh tokens that were sent
	end       time.Time
	newest    string // refresh token that came
	hold      func() // called while the answer to a refresh request is here; nil: it goes on at once
}

func (w *tokenWire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost || r.Body == nil {
		return w.base.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body.Close()
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	refresh := form.Get("grant_type") == "refresh_token"
	w.mu.Lock()
	hold := w.hold
	if refresh {
		w.refreshed = append(w.refreshed, form.Get("refresh_token"))
	}
	w.mu.Unlock()
	resp, err := w.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if refresh && hold != nil {
		hold()
		if err := r.Context().Err(); err != nil { // what comes late does not reach those who have left
			resp.Body.Close()
			return nil, err
		}
	}
	return w.note(resp)
}

// note reads the token of an answer.
func (w *tokenWire) note(resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var token struct {
		Lasts   int64  `json:"expires_in"` // seconds
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &token) == nil && token.Lasts > 0 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.end, w.newest = time.Now().Add(time.Duration(token.Lasts)*time.Second), token.Refresh
	}
	return resp, nil
}

// last returns when the newest token ends, and the refresh token that came with it.
func (w *tokenWire) last() (end time.Time, refreshToken string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.end, w.newest
}

func (w *tokenWire) refreshTokens() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.refreshed)
}

func (w *tokenWire) setHold(hold func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = hold
}
