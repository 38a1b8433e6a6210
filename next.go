package login

import (
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

const maxNext = 1 << 10 // bytes of a return path; it travels in the flow cookie

// localPath returns next in the form in which it may be sent as a Location: a
// path of this site, with its query. ok is false for everything that some
// browser might take for another site, for our own pages, and for what is not
// a URL. Reading is done as browsers do it, not as RFC 3986 says: they drop tabs
// and line breaks, and take "\" for "/".
func (a *Auth) localPath(next string) (location string, ok bool) {
	if next == "" || next[0] != '/' || !utf8.ValidString(next) {
		return "", false
	}
	if next = escapeHigh(next); len(next) > maxNext {
		return "", false
	}
	for _, c := range []byte(next) {
		if c <= ' ' || c > '~' || c == '\\' {
			return "", false
		}
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	// What a proxy or a router behind us may make of it.
	for _, c := range []byte(u.Path) {
		if c < ' ' || c == 0x7f || c == '\\' {
			return "", false
		}
	}
	// Dot segments mean one thing to browsers, which take "%2f" for a part of a
	// segment, another to who decodes first, and a third to path.Clean, which
	// also drops empty segments.
	raw, _, _ := strings.Cut(next, "?")
	raw, _, _ = strings.Cut(raw, "#")
	for _, p := range []string{raw, path.Clean(u.Path), removeDots(u.Path), removeDots(raw)} {
		// What was encoded twice is decoded by now. Browsers read a backslash as a
		// slash, and leave out tabs and line breaks.
		p = strings.NewReplacer(`\`, "/", "\t", "", "\r", "", "\n", "").Replace(p)
		if strings.HasPrefix(p, "//") || a.owns(p) {
			return "", false
		}
	}
	return next, true
}

// escapeHigh percent-encodes the bytes from 0x80, as browsers do with the UTF-8
// of a path.
func escapeHigh(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= 0x80 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// removeDots is RFC 3986 section 5.2.4, for a path that is encoded or not; the
// segments it returns are decoded. Unlike path.Clean it keeps empty ones, as
// browsers do: they turn "/.//evil.example" into "//evil.example".
func removeDots(p string) string {
	var out []string
	segments := strings.Split(p, "/")[1:]
	for i, s := range segments {
		last := i == len(segments)-1
		if decoded, err := url.PathUnescape(s); err == nil {
			s = decoded // "%2e%2e" counts
		}
		switch s {
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		case ".":
		default:
			out = append(out, s)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/")
}
