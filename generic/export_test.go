package generic

import (
	"strconv"
	"time"

	"github.com/doorlatch/login"
)

// OIDCAt is OIDC with a clock, and without patience for a hung key endpoint.
func OIDCAt(c Config, now func() time.Time) login.Provider {
	return oidcProvider(c, &keySets{now: now, patience: 10 * time.Millisecond})
}

// UsableKeys returns how many keys of a JWK Set can be used.
func UsableKeys(body string) int {
	keys, _ := parseKeys([]byte(body))
	return len(keys)
}

// Read is what OAuth2 does with an answer.
func (f Fields) Read(body []byte) (*login.User, error) {
	p, err := f.parse()
	if err != nil {
		return nil, err
	}
	return p.user(body)
}

type KeySet = keySet

// NewKeySet returns an empty key set.
func NewKeySet(url string, now func() time.Time) *KeySet {
	return (&keySets{now: now, patience: 10 * time.Millisecond}).at(url)
}

// Vain returns how many key IDs are remembered to be unknown.
func (s *KeySet) Vain() int { return len(s.vain) }

// KeySetsKept returns how many key sets are kept after n providers.
func KeySetsKept(n int) int {
	s := &keySets{now: time.Now}
	for i := range n {
		s.at(strconv.Itoa(i))
	}
	return len(s.byURL)
}
