package login

import "time"

// SetNow replaces the clock of a.
func (a *Auth) SetNow(now func() time.Time) {
	a.now = now
	for _, p := range a.providers {
		p.now = now
	}
}
