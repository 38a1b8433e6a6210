//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package tokenstore

import (
	"errors"
	"fmt"
	"runtime"
)

func tryLock(string) (unlock func(), err error) {
	return nil, fmt.Errorf("locks that end with their process on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func syncDir(string) error { return nil }
