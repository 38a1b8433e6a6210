package bench

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"net/http"
	"sync"
)

type cookieKey struct{}

// contextFloor is the least that a middleware does with a cookie: find it, and hand
// it on in the context.
func contextFloor(name string, next http.Handler) http.Handler {
	return cookieFloor(name, func(string) {}, next)
}

// cryptoFloor also does the arithmetic that a sealed cookie takes: HMAC-SHA256 and
// AES-256-CTR over its bytes, without decoding or understanding anything.
func cryptoFloor(name string, next http.Handler) http.Handler {
	k := key(1)
	mac := func() (hash.Hash, func()) { return hmac.New(sha256.New, k), func() {} }
	return cookieFloor(name, seal(mac), next)
}

// pooledFloor is cryptoFloor with its HMACs used again: less than securecookie can
// do.
func pooledFloor(name string, next http.Handler) http.Handler {
	pool := sync.Pool{New: func() any { return hmac.New(sha256.New, key(1)) }}
	mac := func() (hash.Hash, func()) {
		h := pool.Get().(hash.Hash)
		h.Reset()
		return h, func() { pool.Put(h) }
	}
	return cookieFloor(name, seal(mac), next)
}

func cookieFloor(name string, work func(value string), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie(name)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		work(c.Value)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), cookieKey{}, c)))
	})
}

func seal(newMAC func() (mac hash.Hash, done func())) func(value string) {
	block, err := aes.NewCipher(key(2))
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	return func(value string) {
		b := []byte(value)
		mac, done := newMAC()
		mac.Write(b)
		var sum [sha256.Size]byte
		mac.Sum(sum[:0])
		done()
		cipher.NewCTR(block, sum[:aes.BlockSize]).XORKeyStream(b, b)
	}
}
