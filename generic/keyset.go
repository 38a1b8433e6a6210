package generic

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	// Keys are fresh for as long as Cache-Control says, within these limits.
	// The upper one is how long a key that was withdrawn can still be used.
	minFresh     = time.Minute
	defaultFresh = time.Hour
	maxFresh     = 24 * time.Hour

	// maxStale is how long after their fetch keys serve while the provider
	// cannot be reached.
	maxStale = 48 * time.Hour

	// Fetches of one set: a few at once, then one per fetchEvery. Anybody who
	// can present ID tokens could otherwise make us hammer the provider.
	fetchBurst   = 5
	fetchEvery   = 10 * time.Second
	fetchTimeout = 10 * time.Second

	// A key ID for which a fetch has just brought nothing is not fetched for
	// again so soon. The number of those remembered is bounded.
	vainFor = 10 * time.Second
	maxVain = 100
)

var errSignature = errors.New("no published key verifies the signature")

// A keySet verifies signatures with the keys published at a jwks_uri (OpenID
// Connect Core section 10.1.1). It implements oidc.KeySet. The RemoteKeySet of
// go-oidc fetches for every unknown key ID, keeps withdrawn keys for ever and
// ignores what a key is for.
type keySet struct {
	url string
	now func() time.Time

	// patience is how long a fetch may keep those waiting who have keys,
	// though expired ones.
	patience time.Duration

	mu         sync.Mutex
	keys       []key
	fetched    time.Time
	expires    time.Time
	generation int // number of successful fetches
	running    *fetching
	credit     time.Time // fetches are paid for up to here
	vain       map[string]time.Time
}

// fetching is a fetch under way. err is set before done is closed.
type fetching struct {
	done    chan struct{}
	started time.Time
	err     error
}

// VerifySignature returns the payload of a compact JWS. It does not judge the
// header: see checkHeader.
func (s *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(jwt, algorithms())
	if err != nil {
		return nil, errors.New("not a compact JWS")
	}
	keys, generation, fresh, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	if payload, ok := verify(jws, keys); ok {
		return payload, nil
	}
	kid := jws.Signatures[0].Protected.KeyID
	if !fresh { // the provider may have begun to use a new key
		if keys, err = s.newer(ctx, kid, generation); err != nil {
			return nil, err
		}
		if payload, ok := verify(jws, keys); ok {
			return payload, nil
		}
	}
	s.inVain(kid)
	return nil, errSignature
}

// verify tries the keys that the header admits. Several may have one key ID,
// or none, and only those are tried that are made for the algorithm.
func verify(jws *jose.JSONWebSignature, keys []key) ([]byte, bool) {
	h := jws.Signatures[0].Protected
	for _, k := range keys {
		if h.KeyID != "" && h.KeyID != k.id || !k.fits(h.Algorithm) {
			continue
		}
		if payload, err := jws.Verify(k.public); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// current returns the keys, after a fetch if they have expired; fresh says that
// they are of this moment. If the fetch fails or hangs, expired keys serve on
// until maxStale: an outage of the provider's key endpoint is no reason to
// refuse logins.
func (s *keySet) current(ctx context.Context) (keys []key, generation int, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Before(s.expires) {
		return s.keys, s.generation, false, nil
	}
	before := s.generation
	var patience <-chan time.Time
	f := s.begin(ctx)
	if f != nil {
		if now.Before(s.fetched.Add(maxStale)) {
			t := time.NewTimer(s.patience - time.Since(f.started))
			defer t.Stop()
			patience = t.C
		}
		s.mu.Unlock()
		err = f.wait(ctx, patience)
		s.mu.Lock()
	} else {
		err = errors.New("keys cannot be fetched at the moment")
	}
	if s.generation == before && !now.Before(s.fetched.Add(maxStale)) {
		return nil, 0, false, err
	}
	return s.keys, s.generation, s.generation != before, nil
}

// newer returns keys that were fetched after those of the given generation.
func (s *keySet) newer(ctx context.Context, kid string, generation int) ([]key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != generation {
		return s.keys, nil
	}
	if t, ok := s.vain[kid]; ok && s.now().Before(t) {
		return nil, errSignature
	}
	f := s.begin(ctx)
	if f == nil {
		return nil, errSignature
	}
	s.mu.Unlock()
	err := f.wait(ctx, nil)
	s.mu.Lock()
	return s.keys, err
}

// inVain remembers that a fetch did not help with kid.
func (s *keySet) inVain(kid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for k, t := range s.vain {
		if !now.Before(t) {
			delete(s.vain, k)
		}
	}
	if s.vain == nil {
		s.vain = make(map[string]time.Time)
	}
	if _, ok := s.vain[kid]; !ok && len(s.vain) < maxVain {
		s.vain[kid] = now.Add(vainFor)
	}
}

// begin starts a fetch or joins the one under way; nil means that there were
// too many lately. It is called with the lock held.
//
// The fetch outlives the request that began it, because others wait for it.
func (s *keySet) begin(ctx context.Context) *fetching {
	if s.running != nil {
		return s.running
	}
	now := s.now()
	if full := now.Add(-fetchBurst * fetchEvery); s.credit.Before(full) {
		s.credit = full
	}
	if s.credit.Add(fetchEvery).After(now) {
		return nil
	}
	s.credit = s.credit.Add(fetchEvery)
	f := &fetching{done: make(chan struct{}), started: time.Now()}
	s.running = f
	go func() {
		defer close(f.done)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		keys, fresh, err := fetchKeys(bounded, s.url)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running, f.err = nil, err
		if err == nil {
			s.keys, s.fetched = keys, s.now()
			s.expires = s.fetched.Add(fresh)
			s.generation++
		}
	}()
	return f
}

func (f *fetching) wait(ctx context.Context, patience <-chan time.Time) error {
	select {
	case <-f.done:
		return f.err
	case <-patience:
		return errors.New("the key endpoint does not answer")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetchKeys does not look at the content type: key sets are often plain files,
// and what is not a key set does not parse as one.
func fetchKeys(ctx context.Context, url string) ([]key, time.Duration, error) {
	answer, err := get(ctx, url)
	if err != nil {
		return nil, 0, err
	}
	keys, err := parseKeys(answer.Body)
	return keys, freshness(answer.Header), err
}

// freshness reads max-age (RFC 9111 section 5.2.2.1).
func freshness(h http.Header) time.Duration {
	for d := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
		if err != nil {
			return minFresh
		}
		return min(max(time.Duration(seconds)*time.Second, minFresh), maxFresh)
	}
	return defaultFresh
}
