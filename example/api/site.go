package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/doorlatch/login"
)

// newSite returns a site with an API:
//
//	GET  /            says who is logged in; only a session counts here
//	GET  /me          the same, for people who are logged in
//	GET  /api/me      for sessions and for tokens
//	POST /api/notes   for sessions, and for tokens with the scope notes:write
func newSite(c login.Config, v Verifier) (http.Handler, error) {
	auth, err := login.New(c)
	if err != nil {
		return nil, err
	}
	crossSite := http.NewCrossOriginProtection()
	if err := crossSite.AddTrustedOrigin(c.URL); err != nil {
		return nil, err
	}
	bearer := &Bearer{Auth: auth, Verifier: v, Realm: "notes", CrossSite: crossSite}

	api := http.NewServeMux()
	api.Handle("GET /api/me", bearer.Require("", http.HandlerFunc(whoami)))
	api.Handle("POST /api/notes", bearer.Require("notes:write", http.HandlerFunc(addNote)))

	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", home)
	pages.Handle("GET /me", auth.Require(http.HandlerFunc(home)))

	site := http.NewServeMux()
	site.Handle("/api/", bearer.Accept(auth.Wrap(api)))
	site.Handle("/", auth.Wrap(pages))
	return site, nil
}

// whoami need not know how its user was recognized.
func whoami(w http.ResponseWriter, r *http.Request) {
	u := login.UserFrom(r.Context())
	answer(w, http.StatusOK, map[string]string{"provider": u.Provider, "id": u.ID})
}

// addNote takes JSON: {"text": "…"}. A real one would keep it.
func addNote(w http.ResponseWriter, r *http.Request) {
	var note struct{ Text string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&note); err != nil {
		writeProblem(w, http.StatusBadRequest, "", "want a note in JSON")
		return
	}
	u := login.UserFrom(r.Context())
	answer(w, http.StatusCreated, map[string]string{"by": u.Provider + " " + u.ID, "text": note.Text})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func home(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if u := login.UserFrom(r.Context()); u != nil {
		fmt.Fprintf(w, "Hello, %s. See /api/me.\n", u.Name)
		return
	}
	fmt.Fprintln(w, "Nobody is logged in. See /me.")
}
