package logintest

import (
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

const (
	codeLifetime = time.Minute
	maxKept      = 10_000 // codes, and tokens; the oldest go first
)

// A grant is what a person allowed an application. The code and all tokens that
// come of it share it, so that they can be revoked together.
type grant struct {
	user     string // ID
	scopes   []string
	declined []string // permissions that were asked for and unticked
	authTime time.Time

	redirectURI, challenge, nonce string

	revoked    bool // guarded by ledger.mu
	generation int  // tokens of earlier ones do not count; guarded by ledger.mu
}

type tokenKind int

const (
	accessToken tokenKind = iota
	refreshToken
	appToken // Facebook: acts for the application
)

// A token is an access or refresh token. Its grant is nil if it acts for an
// application rather than for a person.
type token struct {
	*grant
	kind       tokenKind
	issued     time.Time
	expires    time.Time // zero: never
	page       string    // Facebook: acts as this page
	spent      bool
	generation int
}

type code struct {
	*grant
	expires time.Time
	used    bool
}

var (
	errUnknown = errors.New("it is not one of ours")
	errUsed    = errors.New("it was used before, so everything that came of it is revoked")
	errExpired = errors.New("it has expired")
	errRevoked = errors.New("it was revoked")
	errMachine = errors.New("it acts for an application, and no user")
)

// ledger keeps the codes and tokens that were issued.
type ledger struct {
	mu     sync.Mutex
	codes  bounded[*code]
	tokens bounded[*token]
}

// newCode issues a code for g, which lives for a minute.
func (l *ledger) newCode(g *grant, now time.Time) string {
	value := rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.codes.put(value, &code{grant: g, expires: now.Add(codeLifetime)})
	return value
}

// redeem returns what the code was issued for, once. A second time means that
// somebody else has the code too, and revokes the tokens made from it (RFC 6749
// section 4.1.2).
func (l *ledger) redeem(value string, now time.Time) (*grant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.codes.get(value)
	switch {
	case !ok:
		return nil, errUnknown
	case c.used:
		c.revoked = true
		return nil, errUsed
	}
	c.used = true
	if !now.Before(c.expires) {
		return nil, errExpired
	}
	return c.grant, nil
}

// issue keeps t under value and returns value.
func (l *ledger) issue(value string, t token) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.grant != nil {
		t.generation = t.grant.generation
	}
	l.tokens.put(value, &t)
	return value
}

// find returns the token of that kind and value, if it is good.
func (l *ledger) find(value string, kind tokenKind, now time.Time) (token, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, err := l.valid(value, kind, now)
	if err != nil {
		return token{}, err
	}
	return *t, nil
}

// look is find for one who wants to know about bad tokens too.
func (l *ledger) look(value string, now time.Time) (token, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.valid(value, accessToken, now)
	if t, ok := l.tokens.get(value); ok {
		return *t, err
	}
	return token{}, err
}

func (l *ledger) valid(value string, kind tokenKind, now time.Time) (*token, error) {
	t, ok := l.tokens.get(value)
	switch {
	case !ok || t.kind != kind:
		return nil, errUnknown
	case t.grant != nil && (t.revoked || t.generation < t.grant.generation):
		return nil, errRevoked
	case t.spent:
		return t, errUsed
	case !t.expires.IsZero() && !now.Before(t.expires):
		return nil, errExpired
	}
	return t, nil
}

// spend uses up a refresh token. A second time revokes its whole family (RFC
// 9700 section 4.14.2).
func (l *ledger) spend(value string, now time.Time) (*grant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, err := l.valid(value, refreshToken, now)
	if err == errUsed {
		t.revoked = true
	}
	if err != nil {
		return nil, err
	}
	t.spent = true
	return t.grant, nil
}

// supersede invalidates the tokens that g has now, but not those to come.
func (l *ledger) supersede(g *grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.generation++
}

// revoke invalidates one access token, or a refresh token with its family, and
// reports whether there was one.
func (l *ledger) revoke(value string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.tokens.get(value)
	if !ok {
		return false
	}
	t.spent = true
	if t.kind == refreshToken {
		t.revoked = true
	}
	return true
}

// revokeUser invalidates all tokens of the user.
func (l *ledger) revokeUser(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.tokens.entries {
		if t.grant != nil && t.user == id {
			t.revoked = true
		}
	}
	for _, c := range l.codes.entries {
		if c.user == id {
			c.revoked, c.used = true, true
		}
	}
}

// bounded is a map of at most maxKept entries.
type bounded[V any] struct {
	entries map[string]V
	order   []string
}

func (b *bounded[V]) get(key string) (V, bool) {
	v, ok := b.entries[key]
	return v, ok
}

func (b *bounded[V]) put(key string, v V) {
	if b.entries == nil {
		b.entries = make(map[string]V)
	}
	if len(b.order) >= maxKept {
		delete(b.entries, b.order[0])
		b.order = b.order[1:]
	}
	b.entries[key] = v
	b.order = append(b.order, key)
}
