package login

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"
)

// A TokenStore keeps tokens that [Auth.Keep] has sealed, so that programs can act
// for a user who is not there: a bot, a nightly job. Package tokenstore has one in
// files and one in a database. Its methods are called from several goroutines at
// once.
type TokenStore interface {
	// Load returns what is kept under key, and an error that wraps [ErrNoToken] if
	// that is nothing.
	Load(ctx context.Context, key string) ([]byte, error)

	// Save puts value in the place of old, and reports false if something else is
	// kept by now. A nil old means that nothing was. That makes renewals happen
	// once, however many processes share the store.
	Save(ctx context.Context, key string, old, value []byte) (saved bool, err error)

	// Delete removes what is kept under key. That it is nothing is no error.
	Delete(ctx context.Context, key string) error
}

const (
	maxKeptKey = 255 // bytes

	// claimTime is for how long one process may be about to renew a token before
	// another tries: longer than it may take.
	claimTime = providerTimeout + 5*time.Second

	claimPoll = 100 * time.Millisecond
)

// kept is a record of Config.Tokens.
type kept struct {
	user    User
	token   tokenRecord
	claimed time.Time // until when somebody renews it; zero: nobody does
}

func (k *kept) record() record {
	claimed := int64(0)
	if !k.claimed.IsZero() {
		claimed = k.claimed.UnixMilli()
	}
	return k.token.fields(newRecord(purposeKept)).int(claimed).user(&k.user)
}

func readKept(b []byte) (k kept, ok bool) {
	r := readRecord(b, purposeKept)
	k.token = r.token()
	if claimed := r.int(); claimed != 0 {
		k.claimed = time.UnixMilli(claimed)
	}
	k.user = r.user()
	return k, r.ok()
}

// Keep puts the token of g, and who it belongs to, under key into [Config.Tokens],
// sealed, in the place of what was there. A key is 1 to 255 bytes of the
// application's choice: "page", or one for each user. An error wraps [ErrNoToken]
// if g holds no token.
//
// A refresh token must be in one place only: where OnLogin keeps one, it has to set
// Grant.Token to nil afterwards, or the session and the record renew it each for
// itself, and a provider may take that for theft and end everything. The grant of
// OnConnect is in no session.
func (a *Auth) Keep(ctx context.Context, key string, g *Grant) error {
	if err := a.checkKept(key); err != nil {
		return err
	}
	switch {
	case g == nil || g.Token == nil || g.Token.AccessToken == "":
		return fmt.Errorf("%w: there is none to keep", ErrNoToken)
	case a.providers[g.Provider.Name] == nil:
		return fmt.Errorf("login: Keep: want the grant of a provider of this Auth, have %q", g.Provider.Name)
	}
	k := kept{token: newTokenRecord(g, a.now())}
	if g.User != nil {
		k.user = *g.User
	}
	k.user.Provider = g.Provider.Name
	for range 10 { // others may be renewing what this replaces
		old, err := a.config.Tokens.Load(ctx, key)
		if err != nil && !errors.Is(err, ErrNoToken) {
			return fmt.Errorf("%w: %w", errTokens, err)
		}
		if saved, _, err := a.saveKept(ctx, key, old, &k); saved || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the record changes all the time", errTokens)
}

// ClientFor returns a client that acts as the user whose token is kept under key.
// It is as that of [Auth.Client], except that each request takes the token that is
// kept by then, and renews it if it has ended or is about to: once, however many
// processes share the store. So it may be used for as long as the program runs.
//
// The error, of ClientFor and of the client's requests, is [ErrNoToken] if there is
// no token, or one that has ended and cannot be renewed, or that the provider has
// withdrawn: the account has to be connected again. It is [ErrProvider] if the
// provider did not answer, which changes nothing. Another error is that of the
// store.
func (a *Auth) ClientFor(ctx context.Context, key string) (*http.Client, error) {
	g, err := a.GrantFor(ctx, key)
	if err != nil {
		return nil, err
	}
	return g.Client, nil
}

// GrantFor returns what is kept under key: the token, renewed if need be, whose it
// is, and as Client that of [Auth.ClientFor], whose errors it has.
func (a *Auth) GrantFor(ctx context.Context, key string) (*Grant, error) {
	g, err := a.grantFor(ctx, key)
	if err != nil {
		return nil, err
	}
	c := newAPIClient(a.providers[g.Provider.Name].base)
	c.Transport = &keptTransport{c.Transport, a, key}
	g.Client = c
	return g, nil
}

// Forget removes what is kept under key, after it has asked the provider, for at
// most two seconds, to forget the token as well. An error is that of the store.
func (a *Auth) Forget(ctx context.Context, key string) error {
	if err := a.checkKept(key); err != nil {
		return err
	}
	k, _, err := a.loadKept(ctx, key)
	if errors.Is(err, errTokens) {
		return err
	}
	if k.token.AccessToken != "" {
		within(ctx, func(ctx context.Context) { a.giveBack(ctx, a.providers[k.user.Provider], &k.user, k.token) })
	}
	if err := a.config.Tokens.Delete(ctx, key); err != nil {
		return fmt.Errorf("%w: %w", errTokens, err)
	}
	return nil
}

// keptTransport sends requests with the token that is kept at the time.
type keptTransport struct {
	base http.RoundTripper
	auth *Auth
	key  string
}

func (t *keptTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	g, err := t.auth.grantFor(r.Context(), t.key)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	token := tokenRecord{Token: *g.Token}
	refused := func() { t.auth.refused.add(token.mark(), t.auth.now()) }
	return (&userTransport{t.base, g, refused}).RoundTrip(r)
}

func (a *Auth) checkKept(key string) error {
	switch {
	case a.config.Tokens == nil:
		return errors.New("login: want Config.Tokens, which is nil")
	case key == "" || len(key) > maxKeptKey:
		return fmt.Errorf("login: want a key of 1 to %d bytes, have %d", maxKeptKey, len(key))
	}
	return nil
}

// grantFor is GrantFor without a client.
func (a *Auth) grantFor(ctx context.Context, key string) (*Grant, error) {
	if err := a.checkKept(key); err != nil {
		return nil, err
	}
	k, _, err := a.loadKept(ctx, key)
	for range 2 { // what another process got may have ended by now
		if err != nil || !a.due(&k.token) {
			break
		}
		if err = a.waitForRenewal(ctx, key, k); err == nil {
			k, _, err = a.loadKept(ctx, key) // whoever it belongs to by now
		} else if a.valid(&k.token) && !withdrawn(err) { // it was a little early
			err = nil
			break
		}
	}
	if err == nil && !a.valid(&k.token) {
		err = fmt.Errorf("%w: the renewed token had expired", ErrProvider)
	}
	if err != nil {
		return nil, err
	}
	p := a.providers[k.user.Provider]
	md, err := p.metadata(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: discovery: %w", ErrProvider, err)
	}
	return newGrant(p, md, &k.user, k.token, newAPIClient(p.base), nil), nil
}

// waitForRenewal has the token of k renewed, once for all who wait.
func (a *Auth) waitForRenewal(ctx context.Context, key string, k kept) error {
	if k.token.AccessToken == "" {
		return fmt.Errorf("%w: the provider has withdrawn it", ErrNoToken)
	}
	if err := a.renewable(k.user.Provider, &k.token); err != nil {
		return err
	}
	sum := k.token.key()
	n := a.renewals.join(sha256.Sum256([]byte("kept\x00"+key+"\x00"+string(sum[:]))), func() (tokenRecord, error) {
		return a.renewKept(ctx, key, k.token)
	})
	select {
	case <-n.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	switch {
	case withdrawn(n.err):
		return fmt.Errorf("%w: the provider has withdrawn it: %w", ErrNoToken, n.err)
	case n.err == nil, errors.Is(n.err, ErrNoToken), errors.Is(n.err, ErrProvider), errors.Is(n.err, errTokens):
		return n.err
	}
	return fmt.Errorf("%w: renewing the token: %w", ErrProvider, n.err)
}

// errTokens is wrapped by errors of the TokenStore.
var errTokens = errors.New("login: Tokens")

// renewKept asks the provider for the token that follows t, unless another process
// does: then it waits for what that one gets. Whoever asks has claimed the record
// before, since a refresh token that is sent twice may end all that came of it.
func (a *Auth) renewKept(ctx context.Context, key string, t tokenRecord) (tokenRecord, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*claimTime)
	defer cancel()
	for ; ; time.Sleep(claimPoll) {
		k, old, err := a.loadKept(ctx, key)
		if err != nil {
			return tokenRecord{}, err
		}
		if k.token.key() != t.key() { // renewed, or replaced
			return k.token, nil
		}
		if a.now().Before(k.claimed) {
			if ctx.Err() != nil {
				return tokenRecord{}, fmt.Errorf("%w: another process has been renewing the token for too long", ErrProvider)
			}
			continue
		}
		k.claimed = a.now().Add(claimTime)
		saved, old, err := a.saveKept(ctx, key, old, &k)
		if err != nil {
			return tokenRecord{}, err
		}
		if saved {
			return a.renewClaimed(ctx, key, old, k)
		}
	}
}

// renewClaimed renews the token of k, which is kept as old.
func (a *Auth) renewClaimed(ctx context.Context, key string, old []byte, k kept) (tokenRecord, error) {
	asking, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	p := a.providers[k.user.Provider]
	next, failed := a.ask(asking, p, &k.user, k.token)
	now := k
	switch {
	case failed == nil:
		now.token = next
	case withdrawn(failed): // it is of no use to anybody, and is not asked for again
		now.token = tokenRecord{Token: oauth2.Token{Expiry: a.now()}, issued: a.now()}
	}
	now.claimed = time.Time{}
	saved := false
	err := retry(ctx, func() (err error) {
		if saved, _, err = a.saveKept(ctx, key, old, &now); err == nil && !saved {
			now, _, err = a.loadKept(ctx, key)
		}
		return err
	})
	switch {
	case err == nil && !saved: // connected again meanwhile
		return now.token, nil
	case failed != nil:
		return tokenRecord{}, failed
	case errors.Is(err, ErrNoToken): // forgotten meanwhile, when this token was not there yet
		a.giveBack(ctx, p, &k.user, next)
	}
	return now.token, err
}

// retry calls f while the store that it uses is down, but not for more than a few
// seconds: what was got from a provider must not be lost at once.
func retry(ctx context.Context, f func() error) error {
	wait := 50 * time.Millisecond
	for {
		err := f()
		down := errors.Is(err, errStoreDown) || errors.Is(err, errTokens)
		if !down || wait > 2*time.Second || ctx.Err() != nil {
			return err
		}
		time.Sleep(wait)
		wait *= 2
	}
}

// loadKept returns the record of key, and the bytes that it was made of.
func (a *Auth) loadKept(ctx context.Context, key string) (kept, []byte, error) {
	value, err := a.config.Tokens.Load(ctx, key)
	switch {
	case errors.Is(err, ErrNoToken):
		return kept{}, nil, fmt.Errorf("%w: none is kept under this key", ErrNoToken)
	case err != nil:
		return kept{}, nil, fmt.Errorf("%w: %w", errTokens, err)
	}
	b, ok := a.kept.open(key, string(value))
	if !ok {
		return kept{}, nil, fmt.Errorf("%w: what is kept was sealed for another key, another Config.URL or with another Config.Key", ErrNoToken)
	}
	k, ok := readKept(b)
	if !ok || a.providers[k.user.Provider] == nil {
		return kept{}, nil, fmt.Errorf("%w: what is kept is of another version, or of a provider that is not configured", ErrNoToken)
	}
	return k, value, nil
}

// saveKept puts k in the place of old, and returns the bytes that it became.
func (a *Auth) saveKept(ctx context.Context, key string, old []byte, k *kept) (bool, []byte, error) {
	sealed, err := a.kept.seal(key, k.record())
	if err != nil {
		return false, nil, err
	}
	saved, err := a.config.Tokens.Save(ctx, key, old, []byte(sealed))
	if err != nil {
		err = fmt.Errorf("%w: %w", errTokens, err)
	}
	return saved, []byte(sealed), err
}
