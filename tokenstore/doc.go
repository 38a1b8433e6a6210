// Package tokenstore keeps tokens for use without a request: those that a program
// needs at night, after the person who allowed it has gone. [File] keeps them in a
// directory of one machine, [SQL] in a table that many machines share. Both are a
// [login.TokenStore], and hold only what the login package has sealed.
//
// Keys are hashed with SHA-256 before they become the name of a file or of a row,
// so that any text is a good key, on file systems and in collations that think a and
// A the same, too, and who reads the names does not learn whose tokens they are.
// Values have 1 byte at least and 2 MiB at most.
//
// What Save and Delete have done when they return without an error outlasts a crash.
// After an error, what is kept may be the old value or the new one, whole in either
// case: Load tells.
package tokenstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/doorlatch/login"
)

var (
	_ login.TokenStore = (*File)(nil)
	_ login.TokenStore = SQL{}
)

const maxValue = 2 << 20 // bytes, more than three tokens of the size that login accepts

var errEmpty = errors.New("want a value that is not empty")

// rowName is what stands for key in names.
func rowName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func checkValue(value []byte) error {
	if len(value) == 0 {
		return errEmpty
	}
	if len(value) > maxValue {
		return fmt.Errorf("want a value of at most %d bytes, have %d", maxValue, len(value))
	}
	return nil
}

func noToken() error {
	return fmt.Errorf("%w: nothing is kept under this key", login.ErrNoToken)
}
