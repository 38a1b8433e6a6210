package interop_test

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hostilePaths returns return paths by which somebody may try to lead people to
// another site, or in circles: those that the library's own tests have, and as many
// made here, of which some are in fact harmless.
func hostilePaths(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("../testdata/next_hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		s, err := strconv.Unquote(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, s)
	}
	given := len(list)
	list = slices.Concat(list, bytePaths(), segmentPaths(), placePaths(), longPaths())
	slices.Sort(list)
	list = slices.Compact(list)
	if given < 900 || len(list) < given+600 {
		t.Fatalf("got %d hostile paths, and %d with those made here, want many more", given, len(list))
	}
	return list
}

// bytePaths put single characters that parsers disagree about where it may matter.
func bytePaths() (list []string) {
	var controls []string
	for c := range 0x21 {
		controls = append(controls, string(rune(c)))
	}
	controls = append(controls, "\x7f", "\u0080", "\u0085", "\u009f")
	for _, format := range []string{"*//evil.example", "/*/evil.example", "//*evil.example", "/*evil.example", "/a*/../login", "/x?y=*"} {
		list = append(list, fill(format, controls)...)
	}
	slashes := []string{"/", `\`, "%2f", "%5C", "%252f", "%255c", "\uff0f", "\u2215"}
	list = append(list, fill("**evil.example", slashes, slashes)...)
	list = append(list, fill("/**evil.example/*", slashes, slashes, []string{"", "login"})...)
	odd := []string{
		"\u00a0", "\u00ad", "\u200b", "\u200e", "\u2028", "\u202e", "\u3000", "\ufeff", "\ufffd", "\U000e0041", // blank, unseen or reversing
		"\u2044", "\u2215", "\u29f8", "\ufe68", "\uff0f", "\uff3c", "\u3002", "\uff0e", "\uff1a", "\uff20", "\uff1f", "\uff03", // like / \ . : @ ? #
		"\u560a", "\u560d", "\u2f2f", "\u5c5c", // whose low bytes are LF, CR, / and \
		"\xff", "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xc1\x9c", "\xed\xa0\x80", "\xf0\x9f", "\xf4\x90\x80\x80", // not UTF-8
		"%00", "%09", "%0a", "%0d%0a", "%20", "%7f", "%80", "%c0%af", "%e0%80%af", "%u002f", "%", "%2", "%zz",
	}
	for _, format := range []string{"/*/evil.example", "/**evil.example", "//*evil.example", "*//evil.example", "/*", "/a*b?c=*", "/*/../login", "/lo*gin"} {
		for _, s := range odd {
			list = append(list, strings.ReplaceAll(format, "*", s))
		}
	}
	return list
}

// segmentPaths are about dot segments, and about percent signs before our own pages
// and others.
func segmentPaths() (list []string) {
	add := func(format string, values ...[]string) { list = append(list, fill(format, values...)...) }
	dots := []string{".", "..", "%2e", "%2E%2e", ".%2e", "..;", "...", "..%00", "%252e%252e"}
	add("/*/evil.example", dots)
	add("/*//evil.example", dots)
	add("/a/*/*", dots, []string{"login", "logout?next=/", "callback/oidc", "/evil.example"})
	add("/a%2f*%2f*", dots, []string{"login", "logout", "callback/oidc", "%2fevil.example"})
	add("/a/b/*/*/login", dots, dots)

	add("/*", encodings("/evil.example"))
	add("/*", encodings(`\evil.example`))
	for _, page := range []string{"login", "login/oidc", "callback/oidc?code=x&state=y", "logout", "logout?next=//evil.example"} {
		add("/*", encodings(page))
		add("/*", []string{page + "/", "/" + page, "./" + page, page + "#x", page + ";x", page + "%20", strings.ToUpper(page), `\` + page})
	}
	return list
}

// placePaths name other sites, other schemes, and headers.
func placePaths() (list []string) {
	add := func(format string, values ...[]string) { list = append(list, fill(format, values...)...) }
	hosts := []string{
		"evil.example", "evil.example:80", "user@evil.example", "127.0.0.1@evil.example", "127.0.0.1:80@evil.example", "127.0.0.1\\@evil.example",
		"127.0.0.1%00.evil.example", "127.0.0.1.evil.example", "[::1]", "[::1]:80", "[::ffff:127.0.0.1]", "[fe80::1%25lo]", "[", "[::1",
		"127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0", "localhost", "evil.example.", ".", "..", "%65vil.example", "evil%2eexample",
		"\u0435vil.example", "xn--vil-qdd.example", "evil\u3002example", "\u24d4vil.example", "\uff45\uff56\uff49\uff4c.example", "", "@", ":80", "?", "#",
	}
	add("*/*", []string{"/", "//", `/\`, `\/`, "///", "https:", "https:/", "HTTPS://", "//user:secret@", "/x@"}, hosts)

	schemes := []string{"javascript", "JavaScript", "java\tscript", "java\nscript", "\x01javascript", " javascript", "data", "vbscript", "file", "blob:https", "http", "ws", "about", "x"}
	add("*:*", schemes, []string{"alert(1)", "//evil.example", "/evil.example", `\\evil.example`, "text/html,<script>alert(1)</script>"})
	add("/*:*", schemes, []string{"alert(1)", "//evil.example"})

	add("/*", []string{
		"\r\nLocation: //evil.example", "\r\nSet-Cookie: login-a=b", "%0d%0aLocation:%20//evil.example", "%E5%98%8A%E5%98%8DLocation://evil.example",
		"\n\n<script>alert(1)</script>", "\r\n\r\n<script>", "?x\r\nX: y", "<script>", `"onload="`, "'", "?//evil.example", "#//evil.example",
		"?next=//evil.example", "#@evil.example", "?/../login", "x?https://evil.example", ".evil.example", "x//evil.example", "x/https://evil.example",
	})
	return list
}

// longPaths are around the longest that is taken, and far beyond.
func longPaths() (list []string) {
	for _, n := range []int{500, 1020, 1024, 1025, 2000, 6000} {
		list = append(list,
			"/"+strings.Repeat("a", n), strings.Repeat("/", n), "/"+strings.Repeat("../", n/3), "/"+strings.Repeat("%2f", n/3)+"evil.example",
			"/"+strings.Repeat("\uff0f", n/9), "/?"+strings.Repeat("\u20ac", n/9), "/"+strings.Repeat(".", n), "//"+strings.Repeat("a", n)+".example",
		)
	}
	return list
}

// fill puts each combination of values in the places of the stars in format.
func fill(format string, values ...[]string) (list []string) {
	if len(values) == 0 {
		return []string{format}
	}
	for _, v := range values[0] {
		before, after, _ := strings.Cut(format, "*")
		for _, rest := range fill(after, values[1:]...) {
			list = append(list, before+v+rest)
		}
	}
	return list
}

// encodings spells s with more and more percent signs.
func encodings(s string) []string {
	every := ""
	for _, c := range []byte(s) {
		every += fmt.Sprintf("%%%02x", c)
	}
	list := []string{s, url.PathEscape(s), fmt.Sprintf("%%%02X%s", s[0], s[1:]), every}
	for range 2 {
		list = append(list, strings.ReplaceAll(list[len(list)-1], "%", "%25"))
	}
	return list
}
