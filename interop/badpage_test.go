package interop_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// What TestPages looks for is found on pages that have it.
func TestAuditFindsMistakes(t *testing.T) {
	const page = `<!doctype html><html lang="en"><title>T</title><meta name="viewport" content="width=device-width">` +
		`<style>a, button { display: block; min-height: 3rem; border: 1px solid; } %s</style><main>%s</main>`
	tests := []struct{ name, style, body, want string }{
		{"good", "", `<h1>H</h1><a href="/">good</a><button>good</button>`, ""},
		{"no heading", "", `<p>p</p>`, "want one h1, have 0"},
		{"two headings", "", `<h1>H</h1><h1>H</h1>`, "want one h1, have 2"},
		{"wide", "", `<h1>H</h1><div style="width: 500px">wide</div>`, "sticks out: 8 to 508"},
		{"cut", "", `<h1>H</h1><div style="width: 9px; overflow: hidden">wide wide</div>`, "the content of <div>"},
		{"pale", "", `<h1>H</h1><p style="color: #999">pale</p>`, "has a contrast of 2.85"},
		{"edge", "", `<h1>H</h1><a href="/" style="border-color: #ccc">edge</a>`, `the edge of <a> "edge"`},
		{"low", "", `<h1>H</h1><a href="/" style="min-height: 0">low</a>`, `<a> "low" is only`},
		{"no alt", "", `<h1>H</h1><img src="data:,">`, "has no alt"},
		{"no label", "", `<h1>H</h1><input name="i">`, "has no label"},
		{"not reached", "", `<h1>H</h1><a href="/" tabindex="-1">out</a>`, "the Tab key does not reach out"},
		{"focus unseen", ":focus-visible { outline: none }", `<h1>H</h1><a href="/">unseen</a>`, "nothing shows that the focus is on unseen"},
		{"script", "", `<h1>H</h1><script>console.error("oops")</script>`, "the browser complains: console.error"},
		{"exception", "", `<h1>H</h1><script>throw 1</script>`, "the browser complains: exception"},
		{"policy", "", `<h1>H</h1><img src="http://localhost:1/i" alt="">`, "the browser complains: security"},
		{"missing", "", `<h1>H</h1><img src="/missing" alt="">`, "the browser complains: network"},
	}
	mux := http.NewServeMux()
	for i, test := range tests {
		mux.HandleFunc(fmt.Sprintf("/%d", i), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", "img-src 'self' data:")
			fmt.Fprintf(w, page, test.style, test.body)
		})
	}
	s := httptest.NewServer(mux)
	defer s.Close()
	b := newBrowser(t)
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tab := b.newTab(t)
			tab.open(fmt.Sprintf("%s/%d", s.URL, i))
			tab.look(screens[0])
			got := append(eval[[]string](tab, auditJS), tab.auditFocus()...)
			for _, c := range tab.takeComplaints() {
				got = append(got, "the browser complains: "+c)
			}
			found := slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, test.want) })
			if test.want == "" && len(got) > 0 || test.want != "" && !found {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
