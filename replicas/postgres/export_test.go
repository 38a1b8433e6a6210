package postgres

// LockID is the number of the lock of key.
func LockID(prefix, key string) int64 { return (&Shared{prefix: prefix}).lockID(key) }
