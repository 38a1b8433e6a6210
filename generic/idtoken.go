package generic

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/doorlatch/login"
)

const (
	maxToken = 64 << 10 // bytes of a JWT
	maxKeyID = 1 << 10

	// leeway is how far the provider's clock may be from ours.
	leeway = time.Minute

	// maxAge is how old the ID token of a login that has just happened may be.
	maxAge = 10 * time.Minute
)

// accepted are the algorithms of a login.
func accepted(m login.Metadata) []string {
	if len(m.Algorithms) == 0 {
		return []string{"RS256"} // the default of OpenID Connect
	}
	return slices.DeleteFunc(slices.Clone(m.Algorithms), func(alg string) bool { return !supported(alg) })
}

// verifyIDToken returns the claims of an ID token that was made by the
// grant's provider, for this client and this login (OpenID Connect Core
// section 3.1.3.7).
func verifyIDToken(ctx context.Context, g *login.Grant, keys *keySet, now time.Time) (claims, error) {
	c, err := verifySigned(ctx, g, keys, now)
	if err != nil {
		return nil, err
	}
	return c, cmp.Or(
		checkNonce(c, g.Nonce),
		checkMaxAge(c, g.Provider.Params, now),
		checkACR(c, g.Provider.Params),
	)
}

// verifySigned returns the claims of an ID token that was made by the grant's
// provider for this client.
//
// go-oidc checks the signature, iss, and that aud has the client ID. The rest
// it leaves to its caller.
func verifySigned(ctx context.Context, g *login.Grant, keys *keySet, now time.Time) (claims, error) {
	algs := accepted(g.Metadata)
	if g.Metadata.Issuer == "" || g.Provider.ClientID == "" {
		return nil, errors.New("want an issuer and a client ID to compare with")
	}
	if err := checkHeader(g.IDToken, algs); err != nil {
		return nil, err
	}
	signature := &judgement{keySet: keys}
	verifier := oidc.NewVerifier(g.Metadata.Issuer, signature, &oidc.Config{
		ClientID:             g.Provider.ClientID,
		SupportedSigningAlgs: algs,
		SkipExpiryCheck:      true, // it has no leeway: see checkTimes
	})
	t, err := verifier.Verify(ctx, g.IDToken)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err() // which go-oidc does not wrap
	case signature.err != nil:
		return nil, signature.err
	case err != nil:
		return nil, payloadError(g)
	}
	var payload json.RawMessage
	if err = t.Claims(&payload); err != nil {
		return nil, err
	}
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	return c, cmp.Or(
		checkAudience(c, g.Provider.ClientID),
		checkTimes(c, now),
		checkSubject(c),
		checkAccessToken(c, t, g.Token.AccessToken),
	)
}

// A foreignError says that an ID token is good, but somebody else's.
type foreignError struct{ error }

// payloadError says why go-oidc refused a token before it came to the signature.
// Its own text quotes what the token says, in somebody else's words perhaps.
func payloadError(g *login.Grant) error {
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(g.IDToken, ".")[1])
	if err != nil {
		return errors.New("want base64url")
	}
	c, err := parseClaims(data)
	if err != nil {
		return err
	}
	if c.text("iss") != g.Metadata.Issuer {
		return foreignError{fmt.Errorf("iss: want %q, have another", g.Metadata.Issuer)}
	}
	if aud, listErr := c.list("aud"); listErr != nil || !slices.Contains(aud, g.Provider.ClientID) {
		return foreignError{errors.New("aud: want the client ID")}
	}
	_, nonceErr := c.optional("nonce")
	_, hashErr := c.optional("at_hash")
	return cmp.Or(checkSubject(c), nonceErr, hashErr, errors.New("a claim is not of its type"))
}

// judgement is a keySet that remembers its own error, which go-oidc turns into
// text.
type judgement struct {
	*keySet
	err error
}

func (j *judgement) VerifySignature(ctx context.Context, jwt string) (payload []byte, err error) {
	payload, j.err = j.keySet.VerifySignature(ctx, jwt)
	return payload, j.err
}

// checkHeader judges what a JWT says about itself before anything is done
// with it. It keeps to the compact form, where go-jose also reads the JSON
// form. Keys in the header (jwk, jku, x5u) are looked at by nobody
// (RFC 8725 section 3.10).
func checkHeader(jwt string, algs []string) error {
	if len(jwt) > maxToken {
		return fmt.Errorf("want at most %d bytes, have %d", maxToken, len(jwt))
	}
	switch strings.Count(jwt, ".") {
	case 2:
	case 4:
		return errors.New("it is encrypted, which is not supported")
	default:
		return errors.New("want a JWS in compact form")
	}
	encoded, _, _ := strings.Cut(jwt, ".")
	// Decoders skip line breaks, so that one token could be written in many ways.
	data, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(jwt, "\r\n \t") {
		return errors.New("want base64url")
	}
	header, err := parseClaims(data)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	alg := header.text("alg")
	typ, typErr := header.optional("typ")
	kid, kidErr := header.optional("kid")
	switch {
	case !slices.Contains(algs, alg):
		return fmt.Errorf("header: alg: want one of %s", strings.Join(algs, ", "))
	case typErr != nil || typ != "" && !strings.EqualFold(typ, "JWT"):
		// An access token or a logout token, signed with the same keys, is no
		// ID token (RFC 8725 section 3.11).
		return errors.New("header: typ: want JWT or none")
	case kidErr != nil || len(kid) > maxKeyID:
		return errors.New("header: kid: want a short string")
	case header["crit"] != nil || header["b64"] != nil: // RFC 7515 section 4.1.11, RFC 7797
		return errors.New("header: an extension is not supported")
	}
	return nil
}

// checkAudience refuses tokens that were made for somebody else as well,
// unless they say that we are the one who asked.
func checkAudience(c claims, clientID string) error {
	aud, err := c.list("aud")
	if err != nil {
		return err
	}
	azp, err := c.optional("azp")
	if err != nil {
		return err
	}
	_, present := c["azp"]
	if (present || len(aud) > 1) && azp != clientID {
		return foreignError{errors.New("azp: want the client ID")}
	}
	return nil
}

func checkTimes(c claims, now time.Time) error {
	exp, hasExp, expErr := c.time("exp")
	iat, hasIat, iatErr := c.time("iat")
	nbf, hasNbf, nbfErr := c.time("nbf")
	switch {
	case expErr != nil || iatErr != nil || nbfErr != nil:
		return cmp.Or(expErr, iatErr, nbfErr)
	case !hasExp || !hasIat:
		return errors.New("want exp and iat")
	case !now.Before(exp.Add(leeway)):
		return fmt.Errorf("exp: it ended %v ago", now.Sub(exp))
	case iat.After(now.Add(leeway)):
		return fmt.Errorf("iat: it was issued %v in the future: are both clocks right?", iat.Sub(now))
	case iat.Before(now.Add(-maxAge)):
		return fmt.Errorf("iat: it was issued %v ago, want at most %v", now.Sub(iat), maxAge)
	case hasNbf && nbf.After(now.Add(leeway)):
		return fmt.Errorf("nbf: it begins in %v", nbf.Sub(now))
	}
	return nil
}

// checkSubject wants what section 2 of OpenID Connect Core promises, as the
// application stores it.
func checkSubject(c claims) error {
	sub, err := c.optional("sub")
	if err != nil {
		return err
	}
	if strings.ContainsFunc(sub, func(r rune) bool { return r > '~' }) {
		return errors.New("sub: want ASCII")
	}
	if err := checkID(sub); err != nil {
		return fmt.Errorf("sub: %w", err)
	}
	return nil
}

// checkNonce binds the token to the browser that began this login.
func checkNonce(c claims, nonce string) error {
	got, err := c.optional("nonce")
	if err != nil {
		return err
	}
	if nonce == "" || subtle.ConstantTimeCompare([]byte(got), []byte(nonce)) != 1 {
		return errors.New("nonce: want the one that was sent")
	}
	return nil
}

// checkAccessToken compares at_hash (OpenID Connect Core section 3.1.3.8).
// An algorithm whose hash go-oidc does not know is an error.
func checkAccessToken(c claims, t *oidc.IDToken, accessToken string) error {
	if _, ok := c["at_hash"]; !ok {
		return nil
	}
	if t.VerifyAccessToken(accessToken) != nil {
		return errors.New("at_hash: want that of the access token")
	}
	return nil
}

// checkMaxAge: a provider that ignores max_age must not pass off an old login
// as a new one.
func checkMaxAge(c claims, params url.Values, now time.Time) error {
	if !params.Has("max_age") {
		return nil
	}
	seconds, err := strconv.ParseUint(params.Get("max_age"), 10, 31)
	if err != nil {
		return errors.New("max_age was sent, but is not a number of seconds")
	}
	at, _, err := c.time("auth_time") // one that is missing is long ago
	if err != nil {
		return err
	}
	if now.Sub(at) > time.Duration(seconds)*time.Second+leeway || at.After(now.Add(leeway)) {
		return fmt.Errorf("auth_time: want at most %d seconds ago", seconds)
	}
	return nil
}

// checkACR holds the provider to an authentication class that was asked for as
// essential (OpenID Connect Core section 5.5.1.1). What acr_values asks for is
// voluntary.
func checkACR(c claims, params url.Values) error {
	if !params.Has("claims") {
		return nil
	}
	var asked struct {
		IDToken struct {
			ACR struct {
				Essential bool     `json:"essential"`
				Value     *string  `json:"value"`
				Values    []string `json:"values"`
			} `json:"acr"`
		} `json:"id_token"`
	}
	if json.Unmarshal([]byte(params.Get("claims")), &asked) != nil {
		return errors.New("claims were asked for, but not in JSON as section 5.5 has it")
	}
	want := asked.IDToken.ACR
	if !want.Essential {
		return nil
	}
	if want.Value != nil {
		want.Values = append(want.Values, *want.Value)
	}
	acr := c.text("acr")
	if acr == "" || want.Values != nil && !slices.Contains(want.Values, acr) {
		return errors.New("acr: want what was asked for as essential")
	}
	return nil
}
