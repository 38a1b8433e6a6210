package bench

import (
	"encoding/gob"
	"math/rand/v2"
)

// An account is what a session holds, whoever keeps it.
type account struct {
	Provider, ID, Username, Name, Email, Picture string
	AccessToken, RefreshToken, IDToken           string
}

// A size is a session of so many bytes: of values, before any encoding.
type size struct {
	name                     string
	bytes                    int
	refreshToken, rawIDToken int // bytes; the access token takes the rest
}

func sizes() []size {
	return []size{{"github", 600, 0, 0}, {"oidc", 2600, 200, 1200}, {"6kB", 6000, 1600, 2600}}
}

// account returns the one whose session has size s.
func (s size) account() account {
	a := account{
		Provider: "github", ID: "90000001", Username: "ada-example", Name: "Ada Example",
		Email: "ada@example.test", Picture: "https://avatars.example/u/90000001?v=4",
	}
	a.RefreshToken, a.IDToken = randomText(s.refreshToken), randomText(s.rawIDToken)
	a.AccessToken = randomText(s.bytes - a.bytes())
	return a
}

func (a *account) bytes() int {
	n := 0
	for _, s := range []string{a.Provider, a.ID, a.Username, a.Name, a.Email, a.Picture, a.AccessToken, a.RefreshToken, a.IDToken} {
		n += len(s)
	}
	return n
}

// randomText compresses as little as real tokens do, and is the same in every run.
func randomText(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	random := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(b)
}

// The libraries that keep values by gob have to know the type.
func registerAccount() { gob.Register(account{}) }
