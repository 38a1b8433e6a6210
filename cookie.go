package login

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/securecookie"
)

const (
	maxSetCookie = 4096 // bytes of a whole Set-Cookie line; browsers drop longer ones
	maxPieces    = 9    // cookies that one value may be split over
	keyIDLen     = 4    // characters that name the key at the start of a sealed value
)

// A keyring seals values of one purpose and opens them again: AES-256-CTR and
// HMAC-SHA256 by securecookie, under keys derived for the purpose and for
// Config.URL. What was sealed as one thing or for one site opens as no other,
// even where two sites share a Key.
type keyring []sealKey // the first seals

type sealKey struct {
	id    string
	codec *securecookie.SecureCookie
}

func newKeyring(purpose byte, url string, keys [][]byte) (keyring, error) {
	var ring keyring
	for _, key := range keys {
		sub, err := hkdf.Key(sha256.New, key, nil, "doorlatch/login "+string(purpose)+" "+url, 64+keyIDLen)
		if err != nil {
			return nil, err
		}
		codec := securecookie.New(sub[:32], sub[32:64]).SetSerializer(rawBytes{})
		codec.MaxAge(0)    // records hold their own times, checked by whoever reads them
		codec.MaxLength(0) // checked against the whole Set-Cookie line instead
		id := base64.RawURLEncoding.EncodeToString(sub[64:])[:keyIDLen]
		ring = append(ring, sealKey{id, codec})
	}
	return ring, nil
}

// seal encrypts and signs rec under name. It overwrites rec.
func (k keyring) seal(name string, rec record) (string, error) {
	if len(k) == 0 {
		return "", errors.New("no key")
	}
	text, err := k[0].codec.Encode(name, []byte(rec))
	return k[0].id + text, err
}

// open returns what was sealed under name, by whichever key. The identifier in
// front saves trying them all.
func (k keyring) open(name, value string) ([]byte, bool) {
	for _, key := range k {
		if !strings.HasPrefix(value, key.id) {
			continue
		}
		var b []byte
		if key.codec.Decode(name, value[keyIDLen:], &b) == nil && canonical(value) {
			return b, true
		}
	}
	return nil, false
}

// canonical reports whether value is spelled as seal does it. Base64 is lenient
// about line breaks and the bits left over at the end, and securecookie with it,
// but what was changed shall not pass, however little.
func canonical(value string) bool {
	_, err := base64.URLEncoding.Strict().DecodeString(value[len(value)-4:])
	return err == nil && strings.IndexByte(value, '\r') < 0 && strings.IndexByte(value, '\n') < 0
}

// rawBytes is the securecookie.Serializer of what is bytes already.
type rawBytes struct{}

func (rawBytes) Serialize(src any) ([]byte, error) { return src.([]byte), nil }

func (rawBytes) Deserialize(src []byte, dst any) error {
	*dst.(*[]byte) = src
	return nil
}

// cookies names, sets and finds the cookies of one Auth.
type cookies struct {
	base   string // name of the identity cookie; all others begin with it and "-"
	secure bool
	vary   []string // the value of Vary where nobody else has set it; shared, so that it costs nothing
}

// newCookies derives the names from url, so that two Auths on one host, or on
// two ports of it, do not overwrite each other's.
func newCookies(url string, secure bool) cookies {
	sum := sha256.Sum256([]byte(url))
	base := "login-" + hex.EncodeToString(sum[:4])
	if secure {
		// Browsers take a __Host- cookie only from this very host, over TLS: a
		// sub-domain or a plain-http page cannot toss one in (RFC 6265bis 4.1.3.2).
		base = "__Host-" + base
	}
	return cookies{base, secure, []string{"Cookie"}}
}

func (c cookies) flow(state string) string { return c.flowPrefix() + state[:12] }
func (c cookies) flowPrefix() string       { return c.base + "-f-" }
func (c cookies) token() string            { return c.base + "-t" }
func (c cookies) piece(i int) string       { return c.token() + strconv.Itoa(i) }
func (c cookies) seen() string             { return c.base + "-s" }
func (c cookies) fresh() string            { return c.base + "-l" }

// pieceOf reports whether name is that of a piece, and of which.
func (c cookies) pieceOf(name string) (i int, ok bool) {
	rest, ok := strings.CutPrefix(name, c.token())
	if !ok || len(rest) != 1 || rest[0] < '0' || rest[0] >= '0'+maxPieces {
		return 0, false
	}
	return int(rest[0] - '0'), true
}

// cookie builds one with our attributes. maxAge is in seconds.
func (c cookies) cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	}
}

// set puts a cookie into the response, in place of one of the same name that is
// there already, and keeps the response out of caches.
func (c cookies) set(w http.ResponseWriter, cookie *http.Cookie) {
	h := w.Header()
	lines := h["Set-Cookie"]
	kept := lines[:0]
	for _, line := range lines {
		if !strings.HasPrefix(line, cookie.Name+"=") {
			kept = append(kept, line)
		}
	}
	h["Set-Cookie"] = append(kept, cookie.String())
	h.Set("Cache-Control", "no-store")
	c.varyCookie(h)
}

func (c cookies) varyCookie(h http.Header) {
	theirs := h["Vary"]
	if len(theirs) == 0 {
		h["Vary"] = c.vary
	} else if !slices.Contains(theirs, "Cookie") {
		h["Vary"] = append(theirs, "Cookie")
	}
}

func (c cookies) clear(w http.ResponseWriter, name string) { c.set(w, c.cookie(name, "", -1)) }

// room is how long a value may be for its whole Set-Cookie line to fit.
func (c cookies) room(name string, maxAge int) int {
	return maxSetCookie - len(c.cookie(name, "", maxAge).String())
}

// split cuts value into as many cookies as it needs, nil if they would be too
// many. The first piece begins with their number.
func (c cookies) split(value string, maxAge int) []*http.Cookie {
	var pieces []*http.Cookie
	for rest := value; rest != ""; {
		if len(pieces) == maxPieces {
			return nil
		}
		name, count := c.piece(len(pieces)), ""
		if len(pieces) == 0 {
			count = "0"
		}
		n := min(len(rest), c.room(name, maxAge)-len(count))
		pieces = append(pieces, c.cookie(name, count+rest[:n], maxAge))
		rest = rest[n:]
	}
	if len(pieces) > 0 {
		pieces[0].Value = strconv.Itoa(len(pieces)) + pieces[0].Value[1:]
	}
	return pieces
}

// join puts the pieces in r together again, "" if some are missing. Pieces that
// do not belong together do not open.
func (c cookies) join(r *http.Request) string {
	var found [maxPieces]string
	for name, value := range c.each(r, c.token()) {
		if i, ok := c.pieceOf(name); ok && len(value) <= maxSetCookie {
			found[i] = value
		}
	}
	if found[0] == "" || found[0][0] < '1' || found[0][0] > '0'+maxPieces {
		return ""
	}
	count := int(found[0][0] - '0')
	found[0] = found[0][1:]
	for _, piece := range found[:count] {
		if piece == "" {
			return ""
		}
	}
	return strings.Join(found[:count], "")
}

// each yields the cookies in r whose names begin with prefix, as pairs of name and
// value. Unlike [http.Request.CookiesNamed] it makes a single pass, looks at no
// others and allocates nothing, however many an application or an attacker has set.
func (c cookies) each(r *http.Request, prefix string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, line := range r.Header["Cookie"] {
			for end := 0; end >= 0; line = line[end+1:] {
				for line != "" && (line[0] == ' ' || line[0] == '\t') {
					line = line[1:]
				}
				end = strings.IndexByte(line, ';')
				if line == "" || line[0] != prefix[0] || !strings.HasPrefix(line, prefix) {
					continue // another's: its first letter mostly tells, without a call
				}
				part := line
				if end >= 0 {
					part = line[:end]
				}
				name, value, ok := strings.Cut(strings.TrimRight(part, " \t"), "=")
				if ok && strings.HasPrefix(name, prefix) && !yield(name, value) {
					return
				}
			}
		}
	}
}
