package bench

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	dghubble "github.com/dghubble/sessions"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
)

var errNobody = errors.New("nobody is logged in")

// peers are the other ways, each as its own documentation shows it.
func peers() []candidate {
	registerAccount()
	return []candidate{gothicCandidate(), gorillaCandidate(), gologinCandidate(), scsCandidate(), jwtCandidate()}
}

// cookieStore is a gorilla CookieStore without its limit of 4096 bytes: the larger
// sessions would not fit, and browsers would not take them.
func cookieStore(keys ...[]byte) *sessions.CookieStore {
	store := sessions.NewCookieStore(keys...)
	store.MaxAge(86400 * 30)
	store.Options.Path, store.Options.HttpOnly, store.Options.Secure = "/", true, true
	for _, c := range store.Codecs {
		c.(*securecookie.SecureCookie).MaxLength(0)
	}
	return store
}

// gothicCandidate keeps a goth.User in gothic's session, whose store is the one in
// goth's README: signed, not encrypted. gothic compresses the text.
func gothicCandidate() candidate {
	gothic.Store = cookieStore(key(1))
	return candidate{
		name: "gothic",
		begin: func(a account) ([]*http.Cookie, error) {
			w := httptest.NewRecorder()
			err := storeGothUser(w, pageRequest(nil), goth.User{
				Provider: a.Provider, UserID: a.ID, NickName: a.Username, Name: a.Name, Email: a.Email, AvatarURL: a.Picture,
				AccessToken: a.AccessToken, RefreshToken: a.RefreshToken, IDToken: a.IDToken,
			})
			return kept(w.Header()), err
		},
		require: requireBy(func(r *http.Request) (*account, error) {
			text, err := gothic.GetFromSession("user", r)
			if err != nil {
				return nil, err
			}
			var u goth.User
			if err := json.Unmarshal([]byte(text), &u); err != nil {
				return nil, err
			}
			return &account{
				Provider: u.Provider, ID: u.UserID, Username: u.NickName, Name: u.Name, Email: u.Email, Picture: u.AvatarURL,
				AccessToken: u.AccessToken, RefreshToken: u.RefreshToken, IDToken: u.IDToken,
			}, nil
		}),
		who: accountOf, keeps: everything,
	}
}

func storeGothUser(w http.ResponseWriter, r *http.Request, u goth.User) error {
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return gothic.StoreInSession("user", string(text), r, w)
}

// gorillaCandidate keeps the account in a CookieStore, signed and encrypted, as gob.
func gorillaCandidate() candidate {
	store := cookieStore(key(1), key(2))
	return candidate{
		name: "gorilla",
		begin: func(a account) ([]*http.Cookie, error) {
			w, r := httptest.NewRecorder(), pageRequest(nil)
			s, err := store.New(r, "session")
			if err != nil {
				return nil, err
			}
			s.Values["user"] = a
			err = s.Save(r, w)
			return kept(w.Header()), err
		},
		require: requireBy(func(r *http.Request) (*account, error) {
			s, err := store.Get(r, "session")
			if err != nil {
				return nil, err
			}
			a, ok := s.Values["user"].(account)
			if !ok {
				return nil, errNobody
			}
			return &a, nil
		}),
		who: accountOf, keeps: everything,
	}
}

// gologinCandidate is the session of gologin's example for GitHub, which is signed
// and holds an ID and a name. There is no token in it.
func gologinCandidate() candidate {
	store := gologinStore()
	return candidate{
		name: "gologin",
		begin: func(a account) ([]*http.Cookie, error) {
			w := httptest.NewRecorder()
			err := issueSession(w, store, a.ID, a.Username)
			return kept(w.Header()), err
		},
		require: requireBy(func(r *http.Request) (*account, error) {
			s, err := store.Get(r, gologinSession)
			if err != nil {
				return nil, err
			}
			return &account{ID: s.Get("githubID"), Username: s.Get("githubUsername")}, nil
		}),
		who:   accountOf,
		keeps: func(a account) account { return account{ID: a.ID, Username: a.Username} },
	}
}

const gologinSession = "example-github-app"

func gologinStore() dghubble.Store[string] {
	return dghubble.NewCookieStore[string](dghubble.DefaultCookieConfig, key(1), nil)
}

func issueSession(w http.ResponseWriter, store dghubble.Store[string], id, username string) error {
	s := store.New(gologinSession)
	s.Set("githubID", id)
	s.Set("githubUsername", username)
	return store.Save(w, s)
}

// scsCandidate keeps the account in the memory of the server.
func scsCandidate() candidate {
	return scsWith(memstore.NewWithCleanupInterval(0))
}

func scsWith(store scs.Store) candidate {
	manager := scs.New()
	manager.Store = store
	manager.Cookie.Secure = true
	return candidate{
		name: "scs",
		begin: func(a account) ([]*http.Cookie, error) {
			w := httptest.NewRecorder()
			manager.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				manager.Put(r.Context(), "user", a)
				w.WriteHeader(http.StatusNoContent)
			})).ServeHTTP(w, pageRequest(nil))
			return kept(w.Header()), nil
		},
		require: func(next http.Handler) http.Handler {
			return manager.LoadAndSave(requireBy(func(r *http.Request) (*account, error) {
				a, ok := manager.Get(r.Context(), "user").(account)
				if !ok {
					return nil, errNobody
				}
				return &a, nil
			})(next))
		},
		who: accountOf, keeps: everything,
	}
}

type accountClaims struct {
	jwt.RegisteredClaims
	Account account `json:"account"`
}

// jwtCandidate keeps the account in a cookie that is a JWT, signed and not
// encrypted.
func jwtCandidate() candidate {
	k := any(key(1))
	keyFunc := func(*jwt.Token) (any, error) { return k, nil }
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	return candidate{
		name: "jwt",
		begin: func(a account) ([]*http.Cookie, error) {
			claims := accountClaims{jwt.RegisteredClaims{ExpiresAt: jwt.NewNumericDate(time.Now().Add(24 * time.Hour))}, a}
			text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(k)
			return []*http.Cookie{{Name: "session", Value: text}}, err
		},
		require: requireBy(func(r *http.Request) (*account, error) {
			c, err := r.Cookie("session")
			if err != nil {
				return nil, err
			}
			var claims accountClaims
			if _, err := parser.ParseWithClaims(c.Value, &claims, keyFunc); err != nil {
				return nil, err
			}
			return &claims.Account, nil
		}),
		who: accountOf, keeps: everything,
	}
}
