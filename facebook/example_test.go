package facebook_test

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
)

func ExampleNew() {
	auth, err := login.New(login.Config{
		URL: "http://localhost:8080",
		Key: []byte(os.Getenv("SESSION_KEY")),
		Providers: []login.Provider{
			facebook.New(os.Getenv("FACEBOOK_CLIENT_ID"), os.Getenv("FACEBOOK_CLIENT_SECRET")),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Hello", login.UserFrom(r.Context()).Name)
	})
	log.Fatal(http.ListenAndServe("localhost:8080", auth.Wrap(auth.Require(hello))))
}

// A token of about 60 days, and a second question to people who declined
// something before.
func ExampleConfig() {
	p := facebook.Config{
		ClientID:     os.Getenv("FACEBOOK_CLIENT_ID"),
		ClientSecret: os.Getenv("FACEBOOK_CLIENT_SECRET"),
		Scopes:       []string{"public_profile", "pages_show_list"},
		LongLived:    true,
		Rerequest:    true,
	}.Provider()

	fmt.Println(p.Endpoint.AuthURL, p.Params.Encode())
	// Output: https://www.facebook.com/v25.0/dialog/oauth auth_type=rerequest
}
