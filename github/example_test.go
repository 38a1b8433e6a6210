package github_test

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/github"
)

func ExampleNew() {
	auth, err := login.New(login.Config{
		URL: "http://localhost:8080",
		Key: []byte(os.Getenv("SESSION_KEY")),
		Providers: []login.Provider{
			github.New(os.Getenv("GITHUB_CLIENT_ID"), os.Getenv("GITHUB_CLIENT_SECRET")),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Hello", login.UserFrom(r.Context()).Username)
	})
	log.Fatal(http.ListenAndServe("localhost:8080", auth.Wrap(auth.Require(hello))))
}

// Only the members of an organization may log in.
func ExampleConfig() {
	p := github.Config{
		ClientID:      os.Getenv("GITHUB_CLIENT_ID"),
		ClientSecret:  os.Getenv("GITHUB_CLIENT_SECRET"),
		Organizations: []string{"example-org"},
	}.Provider()

	fmt.Println(p.Scopes)
	// Output: [read:user user:email read:org]
}

// GitHub and the company's own GitHub side by side.
func ExampleConfig_enterprise() {
	public := github.New(os.Getenv("GITHUB_CLIENT_ID"), os.Getenv("GITHUB_CLIENT_SECRET"))
	work := github.Config{
		Name:         "work",
		Label:        "Example Inc.",
		URL:          "https://ghe.example.com",
		ClientID:     os.Getenv("WORK_CLIENT_ID"),
		ClientSecret: os.Getenv("WORK_CLIENT_SECRET"),
	}.Provider()

	for _, p := range []login.Provider{public, work} {
		fmt.Println(p.Label, p.Endpoint.AuthURL, p.API)
	}
	// Output:
	// GitHub https://github.com/login/oauth/authorize [https://api.github.com]
	// Example Inc. https://ghe.example.com/login/oauth/authorize [https://ghe.example.com/api/v3]
}
