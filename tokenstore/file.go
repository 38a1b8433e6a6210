package tokenstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// A File keeps tokens in a directory of a local disk. Any number of goroutines and
// processes may use the directory at once; a network file system is no place for it.
//
// Everything is done under a lock of the operating system, which ends with the
// process that holds it, even if that is killed: the lock files stay for ever, but
// mean nothing by themselves. A value is written beside the old one, flushed to the
// disk and renamed over it, so that after a crash at any moment one of the two is
// there, whole, and it is the new one if Save had returned. What a crash leaves half
// written is replaced by the next Save of that key. A process that is stopped while
// it holds the lock makes others wait, for as long as their contexts allow.
type File struct {
	dir string
}

// NewFile returns a File on dir, which is created, for this user only, if it is not
// there. Directories that are too open are left as they are: the files are for this
// user only, too. Where the operating system has no locks of this kind (Plan 9, AIX,
// Solaris, WebAssembly) the error wraps [errors.ErrUnsupported].
func NewFile(dir string) (*File, error) {
	if dir == "" {
		return nil, errors.New("tokenstore: want a directory, have none")
	}
	dir, err := filepath.Abs(dir) // the program may change directories
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	f := &File{dir}
	if err == nil {
		var unlock func()
		if unlock, err = tryLock(f.lockFile(rowName(""))); err == nil {
			unlock()
		}
	}
	if err != nil && !errors.Is(err, errLocked) {
		return nil, fmt.Errorf("tokenstore: open: %w", err)
	}
	return f, nil
}

// Load returns what is kept under key. If that is nothing, the error wraps
// [login.ErrNoToken].
func (f *File) Load(ctx context.Context, key string) (value []byte, err error) {
	err = f.locked(ctx, key, func(path string) (err error) {
		value, err = read(path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tokenstore: load: %w", err)
	}
	if value == nil {
		return nil, noToken()
	}
	return value, nil
}

// Save puts value in the place of old, and reports false if something else is kept
// there by now. A nil old means that nothing is.
func (f *File) Save(ctx context.Context, key string, old, value []byte) (saved bool, err error) {
	err = checkValue(value)
	if err == nil {
		err = f.locked(ctx, key, func(path string) error {
			have, failed := read(path)
			if failed != nil || (have == nil) != (old == nil) || !bytes.Equal(have, old) {
				return failed
			}
			failed = f.replace(path, value)
			saved = failed == nil
			return failed
		})
	}
	if err != nil {
		return false, fmt.Errorf("tokenstore: save: %w", err)
	}
	return saved, nil
}

// Delete removes what is kept under key. It is no error if there is nothing.
func (f *File) Delete(ctx context.Context, key string) error {
	err := f.locked(ctx, key, func(path string) error {
		for _, file := range []string{path, unfinished(path)} {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return syncDir(f.dir)
	})
	if err != nil {
		return fmt.Errorf("tokenstore: delete: %w", err)
	}
	return nil
}

// locked calls do with the file of key, while nobody else, in any process, works
// with it.
func (f *File) locked(ctx context.Context, key string, do func(path string) error) error {
	name := rowName(key)
	unlock, err := f.lock(ctx, f.lockFile(name))
	if err != nil {
		return err
	}
	defer unlock()
	return do(filepath.Join(f.dir, name))
}

// lockFile is one of 256, so that keys that are asked for and never used do not fill
// the directory.
func (f *File) lockFile(name string) string {
	return filepath.Join(f.dir, name[:2]+".lock")
}

// lock asks again and again, because waiting in the operating system would not end
// with ctx.
func (f *File) lock(ctx context.Context, path string) (unlock func(), err error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 16*time.Millisecond) {
		if err = ctx.Err(); err != nil {
			return nil, err
		}
		if unlock, err = tryLock(path); !errors.Is(err, errLocked) {
			return unlock, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)): // not all at the same moment
		}
	}
}

// errLocked is what tryLock returns if somebody else holds the lock.
var errLocked = errors.New("locked by another")

// read returns nil if there is no such file.
func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	value, err := io.ReadAll(io.LimitReader(file, maxValue+1))
	if err == nil {
		err = checkValue(value) // of a file that is not ours
	}
	return value, err
}

func unfinished(path string) string { return path + ".new" }

// replace makes value the content of path, at once and for good.
func (f *File) replace(path string, value []byte) error {
	temporary := unfinished(path)
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a crash
		return err
	}
	err := write(temporary, value)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
		return err
	}
	return syncDir(f.dir) // without it the name may still be that of the old file after a power failure
}

func write(path string, value []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // never through somebody's link
	if err != nil {
		return err
	}
	_, err = file.Write(value)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
