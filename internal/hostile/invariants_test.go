package hostile_test

import (
	"net/url"
	"slices"
	"strings"
)

// checkThief wants the thief to have got nothing, or at least nothing secret.
func (t *trial) checkThief() {
	for _, got := range t.network.Thief.Got() {
		if !t.Visit || slices.ContainsFunc(t.provider.Secrets(), func(s string) bool { return strings.Contains(got, s) }) {
			t.find("the thief got %q", got)
		}
	}
}

// checkCalls wants no request for anything beyond the fault.
func (t *trial) checkCalls(calls []string) {
	steps := []string{"discovery", "authorize", "token", "keys", "userinfo"}
	last := map[string]string{
		"discovery": "discovery", "authorization": "authorize", "token": "token",
		"header": "keys", "claims": "keys", "keys": "keys", "userinfo": "userinfo",
	}[t.Group()]
	for _, call := range calls {
		if slices.Index(steps, call) > slices.Index(steps, last) {
			t.find("%s was asked for after the %s", call, t.Group())
		}
	}
}

// silent wants no secret and nothing of the provider's words in the page and in
// the log.
func (t *trial) silent(b *browser, text string) {
	places := map[string]string{"page": text, "log": t.site.log.String()}
	secrets := append(t.provider.Secrets(), b.seen...)
	for place, text := range places {
		for _, s := range secrets {
			if len(s) >= 8 && (strings.Contains(text, s) || strings.Contains(text, url.QueryEscape(s))) {
				t.find("the %s holds the secret %.12s...", place, s)
			}
		}
		if strings.Contains(text, "canary") {
			t.find("the %s holds the provider's words: %s", place, text)
		}
	}
}
