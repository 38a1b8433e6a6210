package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
)

// deauthorized is called by Facebook when somebody has removed the app. Its URL is
// registered there as the deauthorize callback.
func (s *site) deauthorized(w http.ResponseWriter, r *http.Request) { s.remove(w, r) }

// deletion is called by Facebook when somebody wants their data deleted. Its URL is
// registered there as the data deletion request URL. The answer says where to look
// what has become of the request.
func (s *site) deletion(w http.ResponseWriter, r *http.Request) {
	if !s.remove(w, r) {
		return
	}
	code := rand.Text()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{
		"url": s.url + "/facebook/deleted?code=" + url.QueryEscape(code), "confirmation_code": code,
	})
}

// deleted is the same for every code: by the time that there is one, it is done.
func (s *site) deleted(w http.ResponseWriter, _ *http.Request) {
	s.look.write(w, "deleted.html", struct{ Title string }{"Data of Facebook’s users"})
}

// remove deletes the record if it is there by the leave of the person whom Facebook
// names. Otherwise it returns false, and has answered, only if the request is not
// Facebook's or the record cannot be read.
func (s *site) remove(w http.ResponseWriter, r *http.Request) bool {
	person, issued, err := facebook.SignedRequest(r, s.provider)
	if err != nil {
		s.logger.WarnContext(r.Context(), "not a request of Facebook's", "error", err)
		http.Error(w, "Bad request.", http.StatusBadRequest)
		return false
	}
	g, err := s.auth.GrantFor(r.Context(), record)
	switch {
	case errors.Is(err, login.ErrNoToken): // nothing is left of it that works
	case err != nil:
		s.fail(w, r, err)
		return false
	case g.User.Extra["person"] != person, issued.Before(since(g)): // or a request from before the page was connected again
		return true
	}
	if err := s.auth.Forget(r.Context(), record); err != nil {
		s.fail(w, r, err)
		return false
	}
	return true
}

// since returns when the page was connected.
func since(g *login.Grant) time.Time {
	seconds, _ := strconv.ParseInt(g.User.Extra["since"], 10, 64)
	return time.Unix(seconds, 0)
}
