package login

import (
	"context"
	"encoding/hex"
	"errors"
	"time"
)

// Once lets one of several replicas do what may be done only once, and tells the
// others what came of it. Do is called from several goroutines at once.
type Once interface {
	// Do returns what f returns, which it calls unless a call for the same key is
	// under way, at whichever replica, or has succeeded within the time share: then
	// it waits for that one, and returns what that one got. It must not call f twice
	// because f takes long. If f fails, its error goes to whoever called it, and those
	// who wait call their own f, one at a time.
	//
	// A key is made of letters and digits. What f returns is sealed; the context that
	// Do hands to f is made of its own. However long Do has waited, f takes up to 10
	// seconds, whether or not ctx ends meanwhile. An error that is not f's means that
	// nobody knows whether f may be called, and that it was not.
	Do(ctx context.Context, key string, share time.Duration, f func(context.Context) ([]byte, error)) ([]byte, error)
}

// renewOnce is renew for all replicas.
func (a *Auth) renewOnce(ctx context.Context, s *session, t tokenRecord) (tokenRecord, error) {
	if a.config.Once == nil {
		return a.renew(ctx, s, t)
	}
	var mine tokenRecord
	var failed error
	called, sum := false, t.key()
	key := hex.EncodeToString(sum[:])
	sealed, err := a.config.Once.Do(ctx, key, sharedFor, func(ctx context.Context) ([]byte, error) {
		called = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout) // however long the wait was
		defer cancel()
		if mine, failed = a.renew(ctx, s, t); failed != nil {
			return nil, failed
		}
		text, err := a.sealTokenFor(key, mine) // sessions may have one token
		return []byte(text), err
	})
	switch {
	case called: // and the token is good, even if the others cannot be told
		return mine, failed
	case err != nil:
		return tokenRecord{}, onceError{err}
	}
	theirs, ok := a.openTokenFor(key, string(sealed))
	if !ok {
		return tokenRecord{}, onceError{errors.New("it returned what no replica has sealed for this")}
	}
	return theirs, nil
}

// An onceError counts as a store that is down: who waits may try again.
type onceError struct{ err error }

func (e onceError) Error() string   { return "login: Config.Once: " + e.err.Error() }
func (e onceError) Unwrap() []error { return []error{errStoreDown, e.err} }
