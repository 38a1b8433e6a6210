package replicastest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
)

const (
	replicaEnv = "LOGIN_TEST_REPLICA" // holds what a replica is told, if this program is one
	appURL     = "http://localhost:8080"
	listening  = "listening on "
)

// A settings is what a replica is told. The key is the same for all.
type settings struct {
	Engine, Issuer, ClientID, ClientSecret string
	Key                                    []byte
}

// serve is one replica of an application.
func serve(open Open) error {
	var c settings
	if err := json.Unmarshal([]byte(os.Getenv(replicaEnv)), &c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	shared, connections, err := open(ctx, Connection{URL: c.Engine})
	if err != nil {
		return err
	}
	defer connections.Close()
	defer shared.Close()
	auth, err := login.New(login.Config{
		URL: appURL, Key: c.Key, Once: shared, Revocations: shared,
		Providers: []login.Provider{generic.OIDC(generic.Config{
			Name: "oidc", Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret,
		})},
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listening + l.Addr().String())
	return http.Serve(l, auth.Wrap(pages(auth)))
}

// pages show the token to who has it, and end the sessions of a user.
func pages(auth *login.Auth) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /private", auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, login.UserFrom(r.Context()).ID)
	})))
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		token, err := auth.Token(w, r)
		switch {
		case errors.Is(err, login.ErrLoginRequired):
			http.Error(w, err.Error(), http.StatusUnauthorized)
		case err != nil:
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, token.AccessToken)
		}
	})
	mux.HandleFunc("POST /end/{id}", func(w http.ResponseWriter, r *http.Request) {
		if err := auth.End(r.Context(), "oidc", r.PathValue("id")); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	return mux
}
