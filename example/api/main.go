// Api is a site whose API takes the session of a browser or an access token
// (Authorization: Bearer), and a job that calls it as itself. bearer.go, jwt.go
// and userinfo.go are made to be copied; docs/resource-server.md says why they
// are as they are.
//
//	go run ./example/api
//
// starts the site on http://localhost:8080 with an invented issuer beside it, and
// says what to try. With -userinfo, tokens are verified by asking the issuer.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
	"golang.org/x/oauth2/clientcredentials"
)

const audience = "https://api.example.test" // the name of the API at the issuer

func main() {
	addr := flag.String("addr", "localhost:8080", "address to listen on")
	ask := flag.Bool("userinfo", false, "verify tokens by asking the issuer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *ask, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string, ask bool, out io.Writer) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	issuer := logintest.NewServer()
	defer issuer.Close()
	issuer.Set(func(s *logintest.Server) { s.Interactive, s.Audience = true, audience })

	var v Verifier = &JWT{Issuer: issuer.URL, KeysURL: issuer.URL + "/jwks", Audience: audience, Provider: "oidc"}
	if ask {
		v = &UserInfo{URL: issuer.URL + "/userinfo", Provider: "oidc"}
	}
	key := make([]byte, 32)
	rand.Read(key)
	site := fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	h, err := newSite(login.Config{URL: site, Key: key, Providers: []login.Provider{issuer.Provider()}}, v)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, MaxHeaderBytes: 64 << 10}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	go demonstrate(ctx, site, issuer, out)
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// demonstrate says what to try, and calls the API as a job does.
func demonstrate(ctx context.Context, site string, issuer *logintest.Server, out io.Writer) {
	fmt.Fprintf(out, `Open %[1]s/me to log in, and then %[1]s/api/me. Or, as a program:

  TOKEN=$(curl -s -u %[2]s:%[3]s -d grant_type=client_credentials -d scope=notes:write %[4]s/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -i -H "Authorization: Bearer $TOKEN" %[1]s/api/me
  curl -i -H "Authorization: Bearer $TOKEN" -d '{"text":"hello"}' -H "Content-Type: application/json" %[1]s/api/notes
  curl -i -H "Authorization: Bearer $TOKEN" %[1]s/me              # 401: a token is no login
  curl -i "%[1]s/api/me?access_token=$TOKEN"   # 400: never in a URL
  curl -i -H "Authorization: Bearer made-up" %[1]s/api/me         # 401

`, site, issuer.ClientID, issuer.ClientSecret, issuer.URL)
	job := newMachine(ctx, clientcredentials.Config{
		ClientID: issuer.ClientID, ClientSecret: issuer.ClientSecret,
		TokenURL: issuer.URL + "/token", Scopes: []string{"notes:write"},
	})
	note, err := postNote(job, site, "made by a job")
	if err != nil {
		note = err.Error()
	}
	fmt.Fprintf(out, "A job has just tried, too: %s\n", note)
}
