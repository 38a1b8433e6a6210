package interop_test

import (
	"crypto/rand"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// startZitadel starts package op of zitadel/oidc, with the storage of its own
// example, for an application at url. The login page is ours: op has none.
//
// Its ID tokens hold little more than the subject, and name the client as azp and
// in aud, which is an array; the rest is at the userinfo endpoint. It sends no iss
// with the code, and does not demand PKCE of a client with a secret, but once a
// challenge has come, the verifier must follow, and without one it must not. A
// subject must not have a colon: op could not read its own access tokens.
func startZitadel(t *testing.T, url string) *goProvider {
	return startZitadelWith(t, url, func(s *storage.Storage) op.Storage { return s })
}

// startZitadelWith is startZitadel with what becomes of the storage by change.
func startZitadelWith(t *testing.T, url string, change func(*storage.Storage) op.Storage) *goProvider {
	t.Helper()
	return startGoProvider(t, func(p *goProvider) {
		p.label, p.authorize, p.alg, p.azp = "Zitadel", "/authorize", "RS256", clientID
		p.people = []person{
			{login: "ada", id: "269041527338024977", username: "ada", name: "Ada Example", email: "ada@example.test"},
			{login: "alan", id: "269041527338024978", username: "alan", name: "Alan Example", email: "alan@example.test", unverified: true},
		}
		store := storage.NewStorageWithClients(zitadelUsers(p.people), map[string]*storage.Client{
			clientID: storage.WebClient(clientID, clientSecret, url+"/callback/oidc"),
		})
		config := &op.Config{CodeMethodS256: true, AuthMethodPost: true, GrantTypeRefreshToken: true}
		rand.Read(config.CryptoKey[:])
		provider, err := op.NewProvider(config, change(store), op.StaticIssuer(p.issuer), op.WithAllowInsecure(),
			op.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))))
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/", provider)
		mux.Handle("/login/username", zitadelLogin(provider, store)) // as the storage says
		p.provider = mux
		p.goThroughZitadel()
	})
}

// goThroughZitadel sets what people do at the login page.
func (p *goProvider) goThroughZitadel() {
	p.wrong = "username or password wrong"
	p.signIn = func(b *tab, login, pw string) {
		b.see("Sign in")
		b.typeLogin(login, pw)
		b.press("Sign in")
	}
	p.approve = func(*tab) {}
	p.refuse = func(b *tab, _ person) {
		b.see("Sign in")
		if status := b.press("[ Cancel ]"); status != 403 {
			b.t.Errorf("got status %d, want 403", status)
		}
		b.see("Login cancelled", "Zitadel", "Try again")
		b.press("Try again")
	}
}

// zitadelUsers is the list of accounts, as the storage wants it.
type zitadelUsers []person

func (users zitadelUsers) GetUserByID(id string) *storage.User {
	return users.find(func(q person) bool { return q.id == id })
}

func (users zitadelUsers) GetUserByUsername(name string) *storage.User {
	return users.find(func(q person) bool { return q.username == name })
}

func (zitadelUsers) ExampleClientID() string { return "" }

func (users zitadelUsers) find(is func(person) bool) *storage.User {
	for _, q := range users {
		if is(q) {
			first, last, _ := strings.Cut(q.name, " ")
			return &storage.User{
				ID: q.id, Username: q.username, Password: password, FirstName: first, LastName: last,
				Email: q.email, EmailVerified: !q.unverified,
			}
		}
	}
	return nil
}

var zitadelPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en">
<title>Sign in</title>
<link rel="icon" href="data:,">
<h1>Sign in</h1>
<p>{{.Wrong}}</p>
<form method="post">
<input type="hidden" name="id" value="{{.ID}}">
<p><label>Name <input name="login" required></label></p>
<p><label>Password <input name="password" type="password" required></label></p>
<button>Sign in</button>
<button name="cancel" value="yes" formnovalidate>[ Cancel ]</button>
</form>
</html>
`))

// zitadelLogin shows the login page and takes what is posted there.
func zitadelLogin(provider *op.Provider, store *storage.Storage) http.Handler {
	finished := op.AuthCallbackURL(provider)
	interceptor := op.NewIssuerInterceptor(provider.IssuerFromRequest)
	return interceptor.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, wrong := r.FormValue("id"), ""
		switch {
		case r.Method != http.MethodPost:
			id = r.FormValue("authRequestID")
		case r.FormValue("cancel") != "":
			request, err := store.AuthRequestByID(r.Context(), id)
			if err == nil {
				err = oidc.ErrAccessDenied().WithDescription("The person <b>refused</b>.")
			}
			op.AuthRequestError(w, r, request, err, provider)
			return
		default:
			err := store.CheckUsernamePassword(r.FormValue("login"), r.FormValue("password"), id)
			if err == nil {
				http.Redirect(w, r, finished(r.Context(), id), http.StatusFound)
				return
			}
			wrong = err.Error()
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		zitadelPage.Execute(w, map[string]string{"ID": id, "Wrong": wrong})
	})
}
