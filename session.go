package login

import (
	"crypto/rand"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"
)

const (
	// maxCookieBytes is what all our cookies may take of a request: proxies
	// commonly refuse a header field of 8 KB.
	maxCookieBytes = 7900

	// maxSessionBytes is what those of a session may. The rest is for a login
	// begun while it lasts, or for cookies of the application.
	maxSessionBytes = 7 << 10
)

// A session is what holds after a login: the identity, which never changes, and
// apart from it, in cookies or a record of its own, the token. So a request
// opens one small cookie whatever the token weighs.
type session struct {
	id       [16]byte // random; binds the other parts to the identity
	user     User
	began    time.Time
	lifetime time.Duration // Config.Lifetime as it was then
	tokens   tokenState

	userKey             [16]byte // what all sessions of the user are revoked by
	cookieBytes         int      // of the cookie that it came from
	handle, sealedToken string   // of the Store, if there is one
}

// tokenState says whether there is a token, and why not.
type tokenState byte

const (
	tokenNone    tokenState = iota // the provider gave none, or OnLogin removed it
	tokenKept                      // it is in the session
	tokenTooLong                   // it did not fit into cookies
)

func (s *session) record() record {
	return newRecord(purposeIdentity).str(string(s.id[:])).
		int(s.began.UnixMilli()).int(int64(s.lifetime / time.Second)).int(int64(s.tokens)).user(&s.user)
}

func readSession(b []byte) (*session, bool) {
	r := readRecord(b, purposeIdentity)
	var s session
	n := copy(s.id[:], r.str())
	s.began, s.lifetime, s.tokens = time.UnixMilli(r.int()), time.Duration(r.int())*time.Second, tokenState(r.int())
	s.user = r.user()
	s.userKey = userKey(s.user.Provider, s.user.ID)
	return &s, n == len(s.id) && r.ok()
}

// load returns the session of r, nil if nobody is logged in. A cookie that is
// broken, foreign, expired or revoked is nobody. An error means that the Store
// did not answer; it wraps errStoreDown.
func (a *Auth) load(w http.ResponseWriter, r *http.Request) (*session, error) {
	if len(a.identities) == 0 {
		return nil, nil // the zero Auth
	}
	var s *session
	var err error
	for value := range a.eachIdentity(r) {
		var failed error
		if s, failed = a.open(r, value); s != nil {
			break
		}
		if failed != nil {
			err = failed // unless another cookie opens
		}
	}
	if s == nil {
		return nil, err
	}
	a.cookies.varyCookie(w.Header())
	if !a.touch(w, r, s) {
		return nil, nil
	}
	return s, nil
}

// maxHandles is how many records of the Store one request may ask for.
const maxHandles = 3

// eachIdentity yields every value of the identity cookie. Of cookies with one name,
// the one that opens counts: anybody who may set cookies for the domain can add some
// that do not. With a Store, it yields those that have our seal and different
// sessions, but not many, or a thousand cookies would mean a thousand lookups.
func (a *Auth) eachIdentity(r *http.Request) iter.Seq[string] {
	return func(yield func(value string) bool) {
		var asked [][16]byte
		for name, value := range a.cookies.each(r, a.cookies.base) {
			if name != a.cookies.base || len(value) > maxSetCookie {
				continue
			}
			if a.config.Store != nil {
				if len(asked) == maxHandles {
					return
				}
				id, _, ok := a.openHandle(value)
				if !ok || slices.Contains(asked, id) || a.ended(id) {
					continue
				}
				asked = append(asked, id)
			}
			if !yield(value) {
				return
			}
		}
	}
}

// open returns the live session that the value of an identity cookie stands for.
func (a *Auth) open(r *http.Request, value string) (*session, error) {
	var s *session
	var err error
	if a.config.Store != nil {
		s, err = a.openStored(r, value)
	} else {
		s = a.openIdentity(value)
	}
	if s == nil || err != nil {
		return nil, err
	}
	now := a.now()
	if now.Sub(s.began) > a.lifetime(s) || s.began.Sub(now) > clockSkew || a.dead(s) {
		return nil, nil
	}
	return s, nil
}

// openIdentity returns what the identity cookie of that value holds, whether or not
// it is still good, nil if it is not ours.
func (a *Auth) openIdentity(value string) *session {
	if s, ok := a.opened.get(value); ok {
		return s
	}
	b, ok := a.identities.open(a.cookies.base, value)
	if !ok {
		return nil
	}
	s, ok := a.readIdentity(b)
	if !ok {
		return nil
	}
	s.cookieBytes = len(a.cookies.base) + len("=") + len(value) + len("; ")
	a.opened.add(value, s)
	return s
}

// readIdentity is readSession for the users of providers that are still there.
// Others are nobody.
func (a *Auth) readIdentity(b []byte) (*session, bool) {
	s, ok := readSession(b)
	return s, ok && a.providers[s.user.Provider] != nil
}

// touch reports whether s was used recently enough, and notes that it is used
// now, at most every quarter of Config.Idle.
func (a *Auth) touch(w http.ResponseWriter, r *http.Request, s *session) bool {
	idle := a.config.Idle
	if idle == 0 {
		return true
	}
	seen, now, want := s.began, a.now(), a.cookies.seen()
	for name, value := range a.cookies.each(r, want) {
		if name != want || len(value) > maxSetCookie {
			continue
		}
		if last, ok := a.openSeen(name, value); ok && last.id == string(s.id[:]) && last.at.After(seen) {
			seen = last.at
		}
	}
	if now.Sub(seen) > idle || seen.Sub(now) > clockSkew {
		return false
	}
	if now.Sub(seen) > idle/4 {
		if c, err := a.seenCookie(s, now); err == nil {
			a.cookies.set(w, c)
		}
	}
	return true
}

// A sight is when the session of that ID was used last.
type sight struct {
	id string
	at time.Time
}

// openSeen opens the value of a last-seen cookie.
func (a *Auth) openSeen(name, value string) (sight, bool) {
	if last, ok := a.sights.get(value); ok {
		return last, true
	}
	b, ok := a.lastSeen.open(name, value)
	rec := readRecord(b, purposeSeen)
	last := sight{rec.str(), time.Unix(rec.int(), 0)}
	if ok = ok && rec.ok(); ok {
		a.sights.add(value, last)
	}
	return last, ok
}

func (a *Auth) seenCookie(s *session, now time.Time) (*http.Cookie, error) {
	name := a.cookies.seen()
	value, err := a.lastSeen.seal(name, newRecord(purposeSeen).str(string(s.id[:])).int(now.Unix()))
	return a.cookies.cookie(name, value, a.maxAge(s)), err
}

// maxAge is how long the cookies of s have left, in seconds.
func (a *Auth) maxAge(s *session) int {
	return int(a.lifetime(s).Seconds() - a.now().Sub(s.began).Seconds())
}

// lifetime is how long s lasts from when it began. A Lifetime that was raised since
// does not count: what was logged out is remembered only as long as it would have
// lasted.
func (a *Auth) lifetime(s *session) time.Duration { return min(s.lifetime, a.config.Lifetime) }

// begin logs u in: whatever session the browser had is ended, and a new one
// with a fresh ID begins (session fixation; RFC 9700 section 4.5.3.2). Nothing is
// set unless everything can be.
func (a *Auth) begin(w http.ResponseWriter, r *http.Request, f *flow, u *User, g *Grant) error {
	s := &session{user: *u, userKey: userKey(u.Provider, u.ID), began: a.now(), lifetime: a.config.Lifetime}
	rand.Read(s.id[:])
	if g.Token != nil {
		s.tokens = tokenKept
	}
	var jar []*http.Cookie
	var err error
	if a.config.Store != nil {
		jar, err = a.storedSession(r, s, g)
	} else {
		jar, err = a.cookieSession(r, s, g)
	}
	if err == nil && a.config.Idle > 0 {
		var c *http.Cookie
		c, err = a.seenCookie(s, s.began)
		jar = append(jar, c)
	}
	if err != nil {
		return err
	}
	a.end(w, r)
	a.endUnseen(w, r, f)
	for _, c := range jar {
		a.cookies.set(w, c)
	}
	a.cookies.set(w, a.cookies.cookie(a.cookies.fresh(), "1", freshSeconds))
	a.evictFlows(w, a.flowCookies(r), cookieBytes(jar), 0)
	return nil
}

// freshSeconds is how long a browser remembers, apart from the session, that it
// has just logged in. See lost.
const freshSeconds = 30

// lostSession is the reason code for that.
const lostSession = "session_lost"

// lost reports whether the browser of r, which has no session, logged in a moment
// ago: a Store forgets, a proxy drops cookies, replicas have different keys. To
// send it to log in once more would go on for ever where the provider answers at
// once.
func (a *Auth) lost(w http.ResponseWriter, r *http.Request) bool {
	want := a.cookies.fresh()
	for name := range a.cookies.each(r, want) {
		if name == want {
			a.cookies.clear(w, want) // the next try may work
			return true
		}
	}
	return false
}

// endUnseen ends the session that f was begun with, where the browser does not
// send its cookies because the callback is a POST from another site.
func (a *Auth) endUnseen(w http.ResponseWriter, r *http.Request, f *flow) {
	if f.old == nil {
		return
	}
	a.revokeSession(r.Context(), f.old.id)
	if f.old.handle != "" {
		a.dropStored(r, f.old.handle)
	}
	for i := range maxPieces {
		a.cookies.clear(w, a.cookies.piece(i))
	}
}

// cookieSession returns the cookies of s: the identity, which must fit one, and
// those of the token.
func (a *Auth) cookieSession(r *http.Request, s *session, g *Grant) ([]*http.Cookie, error) {
	identity, err := a.identityCookie(s)
	if err != nil || s.tokens == tokenNone {
		return []*http.Cookie{identity}, err
	}
	jar := []*http.Cookie{identity}
	token, err := a.tokenCookies(r, s, newTokenRecord(g, s.began), cookieBytes(jar))
	if err != nil || len(token) > 0 {
		return append(jar, token...), err
	}
	s.tokens = tokenTooLong
	identity, err = a.identityCookie(s)
	return []*http.Cookie{identity}, err
}

// cookieBytes is what jar adds to a request's Cookie header.
func cookieBytes(jar []*http.Cookie) int {
	n := 0
	for _, c := range jar {
		n += len(c.Name) + len("=") + len(c.Value) + len("; ")
	}
	return n
}

func (a *Auth) identityCookie(s *session) (*http.Cookie, error) {
	name := a.cookies.base
	value, err := a.identities.seal(name, s.record())
	if err != nil {
		return nil, err
	}
	if over := len(value) - a.cookies.room(name, a.maxAge(s)); over > 0 {
		// Sealing turns 9 bytes into 16.
		return nil, &failure{reason: "user_too_large", err: fmt.Errorf(
			"the user does not fit one cookie: %d bytes too many; shorten User.Extra or configure a Store", (over*9+15)/16)}
	}
	return a.cookies.cookie(name, value, a.maxAge(s)), nil
}

// end removes the session of r, if there is one, from the browser and from the
// Store, and revokes it: a copy of its cookies is worth nothing afterwards. It
// returns what was ended.
func (a *Auth) end(w http.ResponseWriter, r *http.Request) *session {
	var ended *session
	for value := range a.eachIdentity(r) {
		if s, _ := a.open(r, value); s != nil {
			ended = s
			if a.config.Store == nil {
				a.revokeSession(r.Context(), s.id)
			}
		}
		if id, handle, ok := a.openHandle(value); ok {
			a.revokeSession(r.Context(), id) // even if the Store does not answer
			a.dropStored(r, handle)
		}
	}
	for name := range a.cookies.each(r, a.cookies.base) {
		_, piece := a.cookies.pieceOf(name)
		if piece || name == a.cookies.base || name == a.cookies.seen() || name == a.cookies.fresh() {
			a.cookies.clear(w, name)
		}
	}
	return ended
}
