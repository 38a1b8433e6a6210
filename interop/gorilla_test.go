package interop_test

import (
	"net/http"

	"github.com/doorlatch/login"
	"github.com/gorilla/mux"
)

// gorillaPages hands the variable {provider} on as a path value. It is not needed
// where the provider is the last segment of the path.
func gorillaPages(auth *login.Auth) *mux.Router {
	r := mux.NewRouter()
	private := r.PathPrefix("/private").Subrouter()
	private.Use(auth.Require)
	private.HandleFunc("/greet", greet).Methods("GET")
	r.HandleFunc("/by/{provider}/please", func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("provider", mux.Vars(r)["provider"])
		auth.Login(w, r)
	})
	return r
}

func gorillaWrapped(auth *login.Auth) http.Handler {
	r := gorillaPages(auth)
	r.HandleFunc("/greet", greet)
	return auth.Wrap(r)
}

func gorillaByHand(auth *login.Auth) http.Handler {
	r := gorillaPages(auth)
	r.Handle("/greet", auth.Wrap(http.HandlerFunc(greet)))
	account := r.PathPrefix("/account").Subrouter()
	account.HandleFunc("/login", auth.Login).Methods("GET")
	account.HandleFunc("/login/{provider}", auth.Login).Methods("GET")
	account.HandleFunc("/callback/{provider}", auth.Callback).Methods("GET")
	account.HandleFunc("/logout", auth.Logout)
	return r
}

func gorillaMounted(auth *login.Auth) http.Handler {
	r := gorillaPages(auth)
	r.Handle("/greet", auth.Wrap(http.HandlerFunc(greet)))
	r.PathPrefix("/account/").Handler(http.StripPrefix("/account", auth))
	return r
}
