package login

import (
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// carried says which of want stand in a Cookie header, each as a cookie of its
// own, to the byte (RFC 6265 section 4.2.1).
func carried(header string, want ...string) bool {
	var parts []string
	for _, part := range strings.Split(header, ";") {
		parts = append(parts, strings.Trim(part, " \t"))
	}
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(parts, w) })
}

// T12, T16, T66: whatever the Cookie header, somebody is logged in only if the
// cookies of a session are in it, unchanged, and has no token but that of the
// session; others are sent to log in, and nothing breaks.
func FuzzSession(f *testing.F) {
	c := readSealed(f)
	store := c.store()
	plain, stored := newSealedSite(f, nil), newSealedSite(f, store)
	mark := plain.cookies.fresh()
	f.Fuzz(func(t *testing.T, header string) {
		store.asked = 0
		fuzzSession(t, plain, header, carried(header, c.Identity, c.Seen), mark)
		fuzzSession(t, stored, header, carried(header, c.Handle, c.HandleSeen), mark)
		if store.asked > 0 && !carried(header, c.Handle) {
			t.Errorf("the Store was asked %d times", store.asked)
		}
	})
}

func fuzzSession(t *testing.T, s *sealedSite, header string, in bool, mark string) {
	s.forget()
	for _, mode := range []string{"navigate", "cors"} {
		r, w := withCookies("/me", header), httptest.NewRecorder()
		r.Header.Set("Sec-Fetch-Mode", mode)
		got := ""
		s.Wrap(s.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = UserFrom(r.Context()).ID
			if tok, err := s.Token(w, r); err == nil && tok.AccessToken != "ACCESS-CANARY" {
				t.Errorf("got the token %v", tok)
			}
		}))).ServeHTTP(w, r)
		want := map[string]int{"navigate": http.StatusSeeOther, "cors": http.StatusUnauthorized}[mode]
		switch {
		case in:
			want = http.StatusOK
		case mode == "navigate" && strings.Contains(header, mark+"="): // says that the session got lost
			want = w.Code
		}
		if w.Code != want || (got == "17") != in || w.Body.Len() > 8<<10 {
			t.Errorf("%s: got status %d, user %q and %d bytes, want status %d", mode, w.Code, got, w.Body.Len(), want)
		}
	}
}

// T3, T12, T66: whatever the name and value of a cookie, and the state, the token
// endpoint is asked only if it is the cookie of that login, unchanged.
func FuzzFlow(f *testing.F) {
	c, s := readSealed(f), newSealedSite(f, nil)
	f.Fuzz(func(t *testing.T, name, value, state string) {
		header := name + "=" + value
		want, requests := http.StatusBadRequest, int32(0)
		if state == c.State && carried(header, c.Flow) {
			want, requests = http.StatusSeeOther, 1
		}
		s.forget()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, withCookies("/callback/fake?code=c&state="+url.QueryEscape(state), header))
		if w.Code != want || s.tokens.Load() != requests || (len(w.Header()["Set-Cookie"]) > 0) != (requests > 0) {
			t.Errorf("got status %d, %d token requests, cookies %q, want %d and %d", w.Code, s.tokens.Load(), w.Header()["Set-Cookie"], want, requests)
		}
	})
}

// T1, T43, T50, T66: whatever comes with a callback of an open login, the token
// endpoint is asked only for one code with the right state and no error; the answer
// is one of those that there are for other requests, so that nothing of this one is
// in it; and it makes one line in the log.
func FuzzCallback(f *testing.F) {
	c, s := readSealed(f), newSealedSite(f, nil)
	known := map[string]bool{}
	for _, query := range []string{"%zz", "", "state=" + c.State} {
		known[s.callback(false, "", query, "", c.Flow)] = true
	}
	for _, code := range []string{"access_denied", "login_required", "interaction_required", "account_selection_required", "temporarily_unavailable", "x"} {
		known[s.callback(false, "", "state="+c.State+"&error="+code, "", c.Flow)] = true
	}
	known[s.callback(false, "", "state="+c.State+"&iss=x", "", c.Flow)] = true
	if len(known) != 10 {
		f.Fatalf("got %d answers", len(known))
	}
	f.Fuzz(func(t *testing.T, post bool, contentType, query string, body []byte) {
		form, good := query, true
		if post {
			mediaType, _, err := mime.ParseMediaType(contentType)
			_, errQuery := url.ParseQuery(query)
			good = err == nil && errQuery == nil && mediaType == "application/x-www-form-urlencoded"
			form = string(body)
		}
		good = good && goodCallback(form, c.State)
		answer := s.callback(post, contentType, query, string(body), c.Flow)
		if got := s.tokens.Load(); (got == 1) != good || got > 1 || !good && !known[answer] || good && !strings.HasPrefix(answer, "303 ") {
			t.Errorf("got %d token requests, want one: %v, and an answer that is known: %v\n%s", got, good, known[answer], answer)
		}
		log := s.log.String()
		if lines := strings.Count(log, "\n"); (lines == 0) != good || lines > 1 || len(log) > 2000 ||
			strings.ContainsFunc(strings.TrimSuffix(log, "\n"), func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("got the log %q", log)
		}
	})
}

// goodCallback reports whether form holds one code and one state, which is that.
func goodCallback(form, state string) bool {
	values, err := url.ParseQuery(form)
	if err != nil || len(form) > maxCallback || len(values["error"]) > 0 || values.Get("error_code") != "" {
		return false
	}
	if len(values["state"]) != 1 || len(values["code"]) != 1 || len(values["error_code"]) > 1 || values["state"][0] != state {
		return false
	}
	if iss := values["iss"]; len(iss) > 1 || len(iss) == 1 && iss[0] != "https://provider.example" {
		return false
	}
	return values["code"][0] != "" && len(values["code"][0]) <= maxCodeBytes
}

// forget makes the next request the first.
func (s *sealedSite) forget() {
	s.finished = newRecentSet(flowLifetime, 100)
	s.tokens.Store(0)
	s.log.Reset()
}

// callback sends one, as if it were the first, and returns the answer.
func (s *sealedSite) callback(post bool, contentType, query, body, cookie string) string {
	s.forget()
	r := httptest.NewRequest("GET", "/callback/fake", nil)
	if post {
		r = httptest.NewRequest("POST", "/callback/fake", strings.NewReader(body))
	}
	r.URL.RawQuery = query
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Cookie", cookie)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return fmt.Sprintln(w.Code, w.Header(), w.Body)
}
