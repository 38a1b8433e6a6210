package login

import (
	"context"
	"encoding/hex"
	"fmt"
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
	// Do hands to f is made of its own. An error that is not f's means that nobody
	// knows whether f may be called, and that it was not.
	Do(ctx context.Context, key string, share time.Duration, f func(context.Context) ([]byte, error)) ([]byte, error)
}

// renewOnce is renew for all replicas.
func (a *Auth) renewOnce(ctx context.Context, s *session, t tokenRecord) (tokenRecord, error) {
	if a.config.Once == nil {
		return a.renew(ctx, s, t)
	}
	var mine tokenRecord
	var failed error
	called, key := false, t.key()
	sealed, err := a.config.Once.Do(ctx, hex.EncodeToString(key[:]), sharedFor, func(ctx context.Context) ([]byte, error) {
		called = true
		if mine, failed = a.renew(ctx, s, t); failed != nil {
			return nil, failed
		}
		text, err := a.sealToken(s, mine)
		return []byte(text), err
	})
	switch {
	case called: // and the token is good, even if the others cannot be told
		return mine, failed
	case err != nil:
		return tokenRecord{}, fmt.Errorf("%w: Config.Once: %w", errStoreDown, err)
	}
	theirs, ok := a.openToken(s, string(sealed))
	if !ok {
		return tokenRecord{}, fmt.Errorf("%w: Config.Once returned what no replica has sealed", errStoreDown)
	}
	return theirs, nil
}
