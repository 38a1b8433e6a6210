package login

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"
)

// Revocations tell the replicas of an application which sessions were ended, so
// that a copy of their cookies is worth nothing anywhere. A key stands for one
// session or for all those of one user; it says nothing about who that is. Both
// methods are called from several goroutines at once.
type Revocations interface {
	// Revoke makes known to all that what key stands for ended at the time at.
	// It may be forgotten after until, when its cookies have ended anyway. The
	// context ends after two seconds.
	Revoke(ctx context.Context, key [16]byte, at, until time.Time) error

	// Revoked returns when key was revoked last, to the millisecond. Every request of
	// everybody who is logged in asks several times, so it has to answer from memory.
	Revoked(key [16]byte) (at time.Time, ok bool)
}

// userKey is what the sessions of a user are revoked by.
func userKey(provider, id string) [16]byte {
	sum := sha256.Sum256([]byte(provider + "\x00" + id))
	return [16]byte(sum[:16])
}

// End ends all sessions of the user whom the provider of that name knows as id,
// wherever they are logged in; what they begin afterwards is not affected. It is
// for users who lost a device, were locked out, or were deleted.
//
// Without [Config.Revocations] only this process learns of it, and forgets it when
// it ends. A session counts as begun afterwards by the clock of the replica where it
// began: clocks that differ by a second make End miss what began in the second
// before, or end what begins in the second after. Tokens are not revoked at the
// provider, and those of [Auth.Keep] stay.
//
// An error means that there is no such provider, or that Revocations failed: then
// the user is logged out here, and other replicas may not know.
func (a *Auth) End(ctx context.Context, provider, id string) error {
	if a.providers[provider] == nil || !validID(id) {
		return fmt.Errorf("login: End: want a provider of this Auth and the ID of a user, have %q and %q", provider, id)
	}
	return a.revoke(ctx, userKey(provider, id))
}

// revoke ends what key stands for: here in any case, and elsewhere if the replicas
// can be told.
func (a *Auth) revoke(ctx context.Context, key [16]byte) error {
	now := a.now()
	a.revoked.add(key, now)
	if a.config.Revocations == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout)
	defer cancel()
	if err := a.config.Revocations.Revoke(ctx, key, now, now.Add(a.config.Lifetime+clockSkew)); err != nil {
		return fmt.Errorf("login: Revocations: %w", err)
	}
	return nil
}

// revokeSession is revoke for a session that ends by a request: the person is
// logged out, whether or not the other replicas can be told.
func (a *Auth) revokeSession(ctx context.Context, id [16]byte) {
	if err := a.revoke(ctx, id); err != nil {
		a.logger().ErrorContext(ctx, "login: other replicas may not know that a session was ended",
			"reason", "revocations_failed", "error", (&failure{}).scrub(err.Error()))
	}
}

// revokedAt returns when key was revoked, as far as anybody knows.
func (a *Auth) revokedAt(key [16]byte) (at time.Time, ok bool) {
	at, ok = a.revoked.when(key)
	if a.config.Revocations != nil {
		if shared, known := a.config.Revocations.Revoked(key); known && (!ok || shared.After(at)) {
			return shared, true
		}
	}
	return at, ok
}

// ended reports whether the session of that ID was ended.
func (a *Auth) ended(id [16]byte) bool {
	_, ok := a.revokedAt(id)
	return ok
}

// dead reports whether s was ended: by itself, or with all others that its user had
// begun by then.
func (a *Auth) dead(s *session) bool {
	if a.ended(s.id) {
		return true
	}
	at, ok := a.revokedAt(s.userKey)
	return ok && !s.began.After(at)
}
