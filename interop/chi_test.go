package interop_test

import (
	"net/http"

	"github.com/doorlatch/login"
	"github.com/go-chi/chi/v5"
)

// chiPages needs nothing special: chi takes net/http's middleware, and fills in
// path values as net/http does.
func chiPages(auth *login.Auth) *chi.Mux {
	r := chi.NewRouter()
	r.With(auth.Require).Get("/private/greet", greet)
	r.Get("/by/{provider}/please", auth.Login)
	return r
}

func chiWrapped(auth *login.Auth) http.Handler {
	r := chiPages(auth)
	r.Get("/greet", greet)
	return auth.Wrap(r)
}

func chiByHand(auth *login.Auth) http.Handler {
	r := chiPages(auth)
	r.With(auth.Wrap).Get("/greet", greet)
	r.Route("/account", func(r chi.Router) {
		r.Get("/login", auth.Login)
		r.Get("/login/{provider}", auth.Login)
		r.Get("/callback/{provider}", auth.Callback)
		r.HandleFunc("/logout", auth.Logout)
	})
	return r
}

func chiMounted(auth *login.Auth) http.Handler {
	r := chiPages(auth)
	r.With(auth.Wrap).Get("/greet", greet)
	r.Mount("/account", auth)
	return r
}
