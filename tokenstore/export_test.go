package tokenstore

import "context"

// Lock takes the lock of key, and keeps it until unlock is called.
func (f *File) Lock(ctx context.Context, key string) (unlock func(), err error) {
	return f.lock(ctx, f.lockFile(rowName(key)))
}

// FileOf is where the value of key is, or will be.
func (f *File) FileOf(key string) string { return f.dir + "/" + rowName(key) }
