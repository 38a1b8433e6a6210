// Quickstart is the first program of the README: http://localhost:8080/me greets
// whoever has logged in with GitHub.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/github"
)

func main() {
	gh := github.New(os.Getenv("GITHUB_CLIENT_ID"), os.Getenv("GITHUB_CLIENT_SECRET"))
	auth, err := login.New(login.Config{
		URL:       "http://localhost:8080",
		Key:       []byte(os.Getenv("SESSION_KEY")), // openssl rand -base64 32
		Providers: []login.Provider{gh},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/me", auth.Require(http.HandlerFunc(hello)))
	log.Fatal(http.ListenAndServe("localhost:8080", auth.Wrap(mux)))
}

func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "Hello, %s!\n", login.UserFrom(r.Context()).Username)
}
