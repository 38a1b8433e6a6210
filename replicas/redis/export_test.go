package redis

import "time"

// SetLockTime replaces the time of locks, before s is used.
func (s *Shared) SetLockTime(d time.Duration) { s.ttl = d }
