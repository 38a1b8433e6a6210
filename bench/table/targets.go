package main

import (
	"fmt"
	"strings"
)

// A target is a ratio, or a count, that one run can tell.
type target struct {
	what, format string
	value        func(r *results, unit string) (float64, bool) // unit: of time
	most, least  float64                                       // the other is 0, except for a most of 0
}

// judge says what was measured, by that unit of time, and whether that will do.
func (t *target) judge(r *results, unit string) string {
	v, ok := t.value(r, unit)
	if !ok {
		return "not measured |"
	}
	verdict := "missed"
	if t.met(v) {
		verdict = "met"
	}
	return fmt.Sprintf(t.format, v) + " | " + verdict
}

func (t *target) met(v float64) bool {
	if t.least > 0 {
		return v >= t.least
	}
	return v <= t.most
}

func (t *target) limit() string {
	if t.least > 0 {
		return "at least " + strings.TrimSpace(fmt.Sprintf(t.format, t.least))
	}
	return "at most " + strings.TrimSpace(fmt.Sprintf(t.format, t.most))
}

func ratio(a, b string) func(*results, string) (float64, bool) {
	return func(r *results, unit string) (float64, bool) {
		x, ok := r.median(a, unit)
		y, also := r.median(b, unit)
		return x / y, ok && also && y != 0
	}
}

func difference(a, b string) func(*results, string) (float64, bool) {
	return func(r *results, unit string) (float64, bool) {
		x, ok := r.median(a, unit)
		y, also := r.median(b, unit)
		return x - y, ok && also
	}
}

func allocations(name string) func(*results, string) (float64, bool) {
	return func(r *results, _ string) (float64, bool) { return r.median(name, "allocs/op") }
}

// targets of the requests, then of the rest.
func targets() []target {
	const times = "%.2f×"
	var list []target
	for _, size := range []string{"github", "oidc", "6kB"} {
		known, first := "KnownCookie/login/"+size, "FirstSight/login/"+size
		overGothic := 25.0
		if size == "github" {
			overGothic = 10
		}
		list = append(list,
			target{"known cookie, " + size + ": of cookie and context alone", times, ratio(known, "Floor/context/"+size), 2, 0},
			target{"known cookie, " + size + ": allocations", "%.0f", allocations(known), 4, 0},
			target{"known cookie, " + size + ": faster than gothic", "%.0f×", ratio("Peer/gothic/"+size, known), 0, 50},
			target{"known cookie, " + size + ": faster than gorilla with gob", "%.0f×", ratio("Peer/gorilla/"+size, known), 0, 50},
			target{"first sight, " + size + ": of that and HMAC and AES", times, ratio(first, "Floor/crypto/"+size), 3, 0},
			target{"first sight, " + size + ": faster than gothic", "%.1f×", ratio("Peer/gothic/"+size, first), 0, overGothic},
			target{"first sight, " + size + ": faster than gorilla with gob", "%.1f×", ratio("Peer/gorilla/"+size, first), 0, 6},
			target{"four keys, the oldest matching, " + size + ": of one", times, ratio("FirstSight/fourkeys/"+size, first), 1.2, 0},
		)
	}
	list = append(list, target{"known cookie: slowest of the sizes of the fastest", times, apart("KnownCookie/login/"), 1.1, 0})
	for _, cookies := range []string{"nocookies", "foreign"} {
		list = append(list,
			target{"anonymous, " + cookies + ": over bare", "%.0f ns", difference("Anonymous/login/"+cookies, "Anonymous/bare/"+cookies), 60, 0},
			target{"anonymous, " + cookies + ": allocations", "%.0f", allocations("Anonymous/login/" + cookies), 0, 0})
	}
	return append(list,
		target{"callback: faster than gothic", "%.1f×", ratio("Callback/gothic", "Callback/login"), 0, 5},
		target{"whole server, github: of bare", "%.3f×", ratio("Server/bare/github", "Server/login/github"), 0, 0.95},
		target{"whole server, oidc: of bare", "%.3f×", ratio("Server/bare/oidc", "Server/login/oidc"), 0, 0.95},
	)
}

// apart is how much slower the slowest size is than the fastest.
func apart(prefix string) func(*results, string) (float64, bool) {
	return func(r *results, unit string) (float64, bool) {
		var fastest, slowest float64
		for _, size := range []string{"github", "oidc", "6kB"} {
			m, ok := r.median(prefix+size, unit)
			if !ok {
				return 0, false
			}
			slowest = max(slowest, m)
			if fastest == 0 || m < fastest {
				fastest = m
			}
		}
		return slowest / fastest, true
	}
}
