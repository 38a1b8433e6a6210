package facebook_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/logintest"
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

// An administrator connects the first of their pages, and sees for how long.
func ExamplePages() {
	connect := func(r *http.Request, _ *login.User, g *login.Grant) error {
		pages, err := facebook.Pages(r.Context(), g)
		if err != nil {
			return err
		}
		if len(pages) == 0 {
			return login.Refusal("Please allow us to see a page that you manage.")
		}
		page := pages[0].Grant(g)
		i, err := facebook.Inspect(r.Context(), page)
		if err != nil {
			return err
		}
		if days, ok := i.DaysLeft(); ok {
			log.Printf("%s is connected for %d days", page.User.Name, days)
		}
		resp, err := page.Client.PostForm("me/feed", url.Values{"message": {"Hello"}})
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	c := facebook.Config{
		ClientID:     os.Getenv("FACEBOOK_CLIENT_ID"),
		ClientSecret: os.Getenv("FACEBOOK_CLIENT_SECRET"),
		Scopes:       []string{"public_profile", "pages_show_list", "pages_manage_posts"},
		LongLived:    true,
	}
	_, err := login.New(login.Config{
		URL:       "http://localhost:8080",
		Key:       []byte(os.Getenv("SESSION_KEY")),
		Providers: []login.Provider{c.Provider()},
		OnLogin:   connect,
	})
	if err != nil {
		log.Fatal(err)
	}
}

// The deauthorize callback: somebody has removed the app, and their token is of no
// use any more.
func ExampleSignedRequest() {
	fb := logintest.NewFacebook() // facebook.New in production
	defer fb.Close()
	provider := fb.Provider()

	deauthorize := func(w http.ResponseWriter, r *http.Request) {
		user, _, err := facebook.SignedRequest(r, provider)
		if err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		fmt.Println("forget the token of", user)
	}

	form := url.Values{"signed_request": {fb.SignedRequest("1000000000000017")}}
	r := httptest.NewRequest("POST", "/facebook/deauthorize", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	deauthorize(httptest.NewRecorder(), r)
	// Output: forget the token of 1000000000000017
}

// The data deletion request callback: somebody wants what is known about them
// deleted, and gets a page that says how far that is.
func ExampleSignedRequest_dataDeletion() {
	fb := logintest.NewFacebook() // facebook.New in production
	defer fb.Close()
	provider := fb.Provider()
	deleteUser := func(string) (code string) { return "abc123" }

	deletion := func(w http.ResponseWriter, r *http.Request) {
		user, _, err := facebook.SignedRequest(r, provider)
		if err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		code := deleteUser(user)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{
			"url":               "https://example.com/deletion?code=" + url.QueryEscape(code),
			"confirmation_code": code,
		})
	}

	form := url.Values{"signed_request": {fb.SignedRequest("1000000000000017")}}
	r := httptest.NewRequest("POST", "/facebook/deletion", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	deletion(w, r)
	fmt.Print(w.Body)
	// Output: {"confirmation_code":"abc123","url":"https://example.com/deletion?code=abc123"}
}
