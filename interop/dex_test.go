package interop_test

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/server/signer"
	"github.com/dexidp/dex/server/tokens"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/crypto/bcrypt"
)

// startDex starts dex's server, with its own login page and its own approval page,
// for an application at url.
//
// Its subjects are not the IDs of its accounts but a protocol buffer of that and of
// the connector, in base64url. Its ID tokens have no azp, and aud is a string; they
// hold what its userinfo endpoint says. The token response has token_type in lower
// case and no scope. Dex sends no iss with the code, and takes PKCE as zitadel does
// unless it is told to enforce it. Who refuses to approve stays on a page of dex, with
// the status of a server error: the application never hears of it.
func startDex(t *testing.T, url string) *goProvider { return startDexWith(t, url, jose.RS256) }

func startDexWith(t *testing.T, url string, alg jose.SignatureAlgorithm) *goProvider {
	t.Helper()
	return startGoProvider(t, func(p *goProvider) {
		p.label, p.authorize, p.alg = "Dex", "/auth", string(alg)
		accounts := []person{
			{login: "ada@example.test", id: "17", username: "ada", name: "Ada Example", email: "ada@example.test"},
			{login: "alan@example.test", id: "18", username: "alan", name: "Alan Example", email: "alan@example.test", unverified: true},
		}
		logger := slog.New(slog.NewTextHandler(t.Output(), nil))
		store := dexStorage(t, url, accounts, logger)
		for _, who := range accounts {
			who.id = dexSubject(who.id)
			p.people = append(p.people, who)
		}
		keys, err := (&signer.LocalConfig{KeysRotationPeriod: "6h", Algorithm: alg}).Open(t.Context(), store, time.Hour, time.Now, logger)
		if err != nil {
			t.Fatal(err)
		}
		p.provider, err = server.NewServer(t.Context(), server.Config{
			Issuer: p.issuer, Storage: store, Signer: keys, Logger: logger,
			RefreshTokenPolicy: tokens.NewRefreshStrategy(true, 0, 0, 0, nil),
		})
		if err != nil {
			t.Fatal(err)
		}
		p.goThroughDex(url)
	})
}

// goThroughDex sets what people do at dex's pages.
func (p *goProvider) goThroughDex(url string) {
	p.wrong = "Invalid Email Address and password."
	p.signIn = func(b *tab, login, pw string) {
		b.reads("Log in to Your Account")
		b.typeLogin(login, pw)
		b.press("Login")
	}
	p.approve = func(b *tab) {
		b.reads("Grant Access", "Interop would like to")
		b.press("Grant Access")
	}
	p.refuse = func(b *tab, who person) {
		p.signIn(b, who.login, password)
		b.reads("Grant Access")
		if status := b.press("Cancel"); status != 500 {
			b.t.Errorf("got status %d, want 500", status)
		}
		b.reads("Approval rejected.")
		b.open(url)
		b.see("You are not logged in")
		b.press("Continue with Dex")
	}
}

// dexConnector is the ID of the only one.
const dexConnector = "local"

// dexSubject is a message with two fields: the account, and the connector.
func dexSubject(account string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(
		"\x0a" + string(rune(len(account))) + account + "\x12" + string(rune(len(dexConnector))) + dexConnector))
}

// dexStorage returns a storage that knows the application, the accounts, and that
// it is to check their passwords itself.
func dexStorage(t *testing.T, url string, accounts []person, logger *slog.Logger) storage.Storage {
	t.Helper()
	ctx, store := t.Context(), memory.New(logger)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range accounts {
		verified := !who.unverified
		err := store.CreatePassword(ctx, storage.Password{
			Email: who.email, Hash: hash, Username: who.username, Name: who.name, PreferredUsername: who.username,
			EmailVerified: &verified, UserID: who.id,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err = store.CreateConnector(ctx, storage.Connector{ID: dexConnector, Type: "local", Name: "Email"})
	if err == nil {
		err = store.CreateClient(ctx, storage.Client{
			ID: clientID, Secret: clientSecret, Name: "Interop", RedirectURIs: []string{url + "/callback/oidc"},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Dex with ES256 keys refuses its own access tokens at its userinfo endpoint, where
// it expects RS256, so people can log in only if nobody asks there. Its ID tokens
// hold all there is to know.
func TestDexWithES256(t *testing.T) {
	s := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	url := "http://localhost:" + port
	p := startDexWith(t, url, jose.ES256)
	key := make([]byte, 32)
	rand.Read(key)
	auth, err := login.New(login.Config{
		URL: url, Key: key, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Providers: []login.Provider{generic.OIDC(generic.Config{
			Name: "oidc", Issuer: p.issuer, ClientID: clientID, ClientSecret: clientSecret, NoUserInfo: true,
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = auth.Wrap(auth.Require(http.HandlerFunc(greet)))
	s.Start()
	defer s.Close()
	tab := newBrowser(t).newTab(t)
	tab.open(url + "/private")
	p.pass(tab, p.people[0])
	tab.reads("Hello, Ada Example, at /private!")
	_, _, answer := p.last(t)
	if got := claims(t, answer.values["id_token"]); got["alg"] != "ES256" || got["email"] != "ada@example.test" {
		t.Errorf("got an ID token with %v, want it signed with ES256, and with an address", got)
	}
}
