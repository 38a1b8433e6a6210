package login

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

const (
	storeName   = "login" // of our sessions inside the Store
	identityKey = "identity"
	tokenKey    = "token"
)

// errStoreDown is for requests whose session may exist but cannot be read.
var errStoreDown = errors.New("login: session store unavailable")

// A gorilla Store reads a cookie, with flags and at times an unsigned ID that we
// would not use, and writes one. So it is given a request and a response of its
// own: what it would have set becomes the handle, which travels inside a sealed
// cookie of ours.

// storeRequest is a request that carries nothing but handle.
func (a *Auth) storeRequest(ctx context.Context, handle string) *http.Request {
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, a.config.URL+"/", nil)
	if handle != "" {
		r.Header.Set("Cookie", storeName+"="+handle)
	}
	return r
}

// header is a response of which only the header matters.
type header http.Header

func (h header) Header() http.Header         { return http.Header(h) }
func (h header) Write(b []byte) (int, error) { return len(b), nil }
func (h header) WriteHeader(int)             {}

// storedSession saves s and the token of g as a new record and returns the
// cookie that holds its handle.
func (a *Auth) storedSession(r *http.Request, s *session, g *Grant) ([]*http.Cookie, error) {
	identity, err := a.identities.seal(storeName, s.record()) // which opens as no cookie
	if err != nil {
		return nil, err
	}
	values := map[any]any{identityKey: identity}
	if g.Token != nil {
		if values[tokenKey], err = a.sealToken(s, newTokenRecord(g, s.began)); err != nil {
			return nil, err
		}
	}
	handle, err := a.toStore(r.Context(), values, a.maxAge(s))
	if err != nil {
		return nil, err
	}
	value, err := a.handles.seal(a.cookies.base, newRecord(purposeHandle).str(string(s.id[:])).str(handle))
	if err == nil && len(value) > a.cookies.room(a.cookies.base, a.maxAge(s)) {
		err = fmt.Errorf("%T keeps its sessions in cookies; want a Store that keeps them on the server", a.config.Store)
	}
	return []*http.Cookie{a.cookies.cookie(a.cookies.base, value, a.maxAge(s))}, err
}

// openHandle returns the session ID and the handle in the value of our cookie.
func (a *Auth) openHandle(value string) (id [16]byte, handle string, ok bool) {
	if a.config.Store == nil {
		return id, "", false
	}
	if h, known := a.openedHandles.get(value); known {
		return h.id, h.handle, true
	}
	b, ok := a.handles.open(a.cookies.base, value)
	r := readRecord(b, purposeHandle)
	n := copy(id[:], r.str())
	handle = r.str()
	if ok = ok && r.ok() && n == len(id); ok {
		a.openedHandles.add(value, oldSession{id, handle})
	}
	return id, handle, ok
}

// toStore saves values under a new ID and returns its handle.
func (a *Auth) toStore(ctx context.Context, values map[any]any, maxAge int) (string, error) {
	r, w := a.storeRequest(ctx, ""), make(header)
	stored, err := a.config.Store.New(r, storeName)
	if err == nil && stored == nil {
		err = errors.New("it returned no session")
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", errStoreDown, err)
	}
	stored.ID, stored.Values = "", values // never an ID that somebody planted
	setMaxAge(stored, maxAge)
	if err := a.config.Store.Save(r, w, stored); err != nil {
		return "", fmt.Errorf("%w: %w", errStoreDown, err)
	}
	for _, c := range (&http.Response{Header: w.Header()}).Cookies() {
		if c.Name == storeName && c.Value != "" {
			return c.Value, nil
		}
	}
	return "", fmt.Errorf("%w: %T set no cookie", errStoreDown, a.config.Store)
}

// fromStore returns the record of handle, nil if there is none.
func (a *Auth) fromStore(ctx context.Context, handle string) (*sessions.Session, error) {
	stored, err := a.config.Store.New(a.storeRequest(ctx, handle), storeName)
	var broken securecookie.Error
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.As(err, &broken) && broken.IsDecode():
		return nil, nil // deleted, or not a record of this Store
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errStoreDown, err)
	case stored == nil || stored.IsNew:
		return nil, nil
	}
	return stored, nil
}

// openStored returns the session that the value of our cookie stands for.
func (a *Auth) openStored(r *http.Request, value string) (*session, error) {
	id, handle, ok := a.openHandle(value)
	if !ok {
		return nil, nil
	}
	stored, err := a.fromStore(r.Context(), handle)
	if stored == nil {
		return nil, err
	}
	sealed, _ := stored.Values[identityKey].(string)
	b, ok := a.identities.open(storeName, sealed)
	if !ok {
		return nil, nil
	}
	s, ok := a.readIdentity(b)
	if !ok || s.id != id {
		return nil, nil
	}
	s.cookieBytes = len(a.cookies.base) + len("=") + len(value) + len("; ")
	s.sealedToken, _ = stored.Values[tokenKey].(string)
	s.handle = handle
	return s, nil
}

// storedToken returns the token that the record of s holds now, which may have
// been renewed by another process, or t if there is no Store.
func (a *Auth) storedToken(ctx context.Context, s *session, t tokenRecord) (tokenRecord, error) {
	if a.config.Store == nil {
		return t, nil
	}
	stored, err := a.fromStore(ctx, s.handle)
	if err != nil {
		return tokenRecord{}, err
	}
	if stored == nil {
		return tokenRecord{}, ErrLoginRequired
	}
	sealed, _ := stored.Values[tokenKey].(string)
	if newer, ok := a.openToken(s, sealed); ok {
		return newer, nil
	}
	return tokenRecord{}, fmt.Errorf("%w: the record of the session holds none", ErrNoToken)
}

// storeToken puts t into the record of s, if there is a Store and the session has
// not ended meanwhile. It returns t.
func (a *Auth) storeToken(ctx context.Context, s *session, t tokenRecord) (tokenRecord, error) {
	if a.config.Store == nil {
		return t, nil
	}
	stored, err := a.fromStore(ctx, s.handle)
	if err != nil {
		return t, err
	}
	if stored == nil {
		return t, ErrLoginRequired
	}
	if stored.Values[tokenKey], err = a.sealToken(s, t); err != nil {
		return t, err
	}
	setMaxAge(stored, a.maxAge(s))
	if err = a.config.Store.Save(a.storeRequest(ctx, s.handle), make(header), stored); err != nil {
		return t, fmt.Errorf("%w: %w", errStoreDown, err)
	}
	if a.dead(s) { // by a logout that deleted the record before we wrote it again
		setMaxAge(stored, -1)
		return t, errors.Join(ErrLoginRequired, a.config.Store.Save(a.storeRequest(ctx, s.handle), make(header), stored))
	}
	return t, nil
}

// dropStored deletes the record of a session.
func (a *Auth) dropStored(r *http.Request, handle string) {
	stored, err := a.fromStore(r.Context(), handle)
	if stored != nil {
		setMaxAge(stored, -1)
		err = a.config.Store.Save(a.storeRequest(r.Context(), handle), make(header), stored)
	}
	if err != nil {
		a.logger().ErrorContext(r.Context(), "login: the record of an ended session is still in the store",
			"reason", "store_unavailable", "error", err)
	}
}

func setMaxAge(s *sessions.Session, seconds int) {
	if s.Options == nil {
		s.Options = new(sessions.Options)
	}
	s.Options.MaxAge = seconds
}
