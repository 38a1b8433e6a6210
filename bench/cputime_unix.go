//go:build unix

package bench

import (
	"syscall"
	"time"
)

// CPUTime is what this process has used of the processors, garbage collection
// included. On a machine that is shared it says more than a clock.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
