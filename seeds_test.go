package login

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds are the files of testdata/fuzz that hold cookies of sealedFile, whole or
// spoiled: by fuzz test and name, the arguments. Beside them there may be others.
func seeds(c sealedCookies) map[string]map[string][]any {
	return map[string]map[string][]any{
		"FuzzSession": sessionSeeds(c), "FuzzFlow": flowSeeds(c), "FuzzCallback": callbackSeeds(c),
	}
}

// flipped is s with the last bit of a byte in the middle changed.
func flipped(s string) string {
	i := len(s) * 2 / 3
	return s[:i] + string(s[i]^1) + s[i+1:]
}

func value(pair string) string { _, value, _ := strings.Cut(pair, "="); return value }
func name(pair string) string  { name, _, _ := strings.Cut(pair, "="); return name }

func sessionSeeds(c sealedCookies) map[string][]any {
	base, whole := name(c.Identity), strings.Join([]string{c.Identity, c.Seen, c.Token}, "; ")
	all := map[string][]any{}
	for name, header := range map[string]string{
		"whole": whole, "in-another-order": c.Token + "; " + c.Seen + "; " + c.Identity, "odd-white-space": "\t" + c.Seen + "\t;;; " + c.Identity + " ;",
		"without-token": c.Identity + "; " + c.Seen, "without-last-seen": c.Identity + "; " + c.Token, "only-last-seen": c.Seen,
		"handle": c.Handle + "; " + c.HandleSeen, "handle-and-identity": c.Handle + "; " + c.HandleSeen + "; " + whole,
		"last-seen-of-another": c.Identity + "; " + c.HandleSeen, "twice": whole + "; " + whole,
		"bit-flipped": flipped(c.Identity) + "; " + c.Seen, "last-seen-bit-flipped": c.Identity + "; " + flipped(c.Seen),
		"token-bit-flipped": c.Identity + "; " + c.Seen + "; " + flipped(c.Token), "handle-bit-flipped": flipped(c.Handle) + "; " + c.HandleSeen,
		"cut": c.Identity[:len(c.Identity)-4] + "; " + c.Seen, "one-byte-short": c.Identity[:len(c.Identity)-1] + "; " + c.Seen,
		"longer": c.Identity + "A; " + c.Seen, "garbage-in-front": base + "=x; " + whole, "garbage-behind": whole + "; " + base + "=x",
		"flow-as-identity": base + "=" + value(c.Flow) + "; " + c.Seen, "last-seen-as-identity": base + "=" + value(c.Seen) + "; " + c.Seen,
		"token-as-identity": base + "=" + value(c.Token)[1:] + "; " + c.Seen, "record-as-handle": base + "=" + c.Record["identity"] + "; " + c.Seen,
		"without-prefix": strings.ReplaceAll(whole, "__Host-", ""), "prefix-in-lower-case": strings.ReplaceAll(whole, "__Host-", "__host-"),
		"space-of-unicode-in-front": "\u2003" + c.Identity + "; " + c.Seen, "nameless": "=" + c.Identity + "; " + c.Seen,
		"quoted": base + `="` + value(c.Identity) + `"; ` + c.Seen, "commas": strings.ReplaceAll(whole, "; ", ", "),
		"nine-pieces": c.Identity + "; " + c.Seen + "; " + base + "-t0=9" + value(c.Token)[1:], "no-pieces": whole + "; " + base + "-t0=0",
		"hostile-piece-numbers": whole + "; " + base + "-t-1=x; " + base + "-t_999999999=x; " + base + "-t1of2000000000=x; " + base + "-t00=x",
		"two-pieces":            c.Identity + "; " + c.Seen + "; " + base + "-t0=2" + value(c.Token)[1:100] + "; " + base + "-t1=" + value(c.Token)[100:],
		"empty":                 base + "=; " + base + "-s=; " + base + "-t0=", "no-values": base + "; " + base + "-s; ; = ;=;", "mark": base + "-l=1",
		"many": strings.Repeat(base+"=x; ", 200), "key-mark-only": base + "=" + value(c.Identity)[:keyIDLen], "control-bytes": base + "=\x00\r\n\x7f; " + base + "-s=\xff",
	} {
		all[name] = []any{header}
	}
	return all
}

func flowSeeds(c sealedCookies) map[string][]any {
	n, v := name(c.Flow), value(c.Flow)
	prefix, other := strings.TrimSuffix(n, c.State[:12]), strings.Repeat("A", 43)
	return map[string][]any{
		"whole": {n, v, c.State}, "bit-flipped": {n, flipped(v), c.State}, "cut": {n, v[:len(v)-4], c.State}, "one-byte-short": {n, v[:len(v)-1], c.State},
		"longer": {n, v + "A", c.State}, "twice": {n, v + v, c.State}, "empty": {n, "", c.State}, "nothing": {"", "", ""},
		"another-state": {n, v, other}, "name-of-another-state": {prefix + other[:12], v, c.State}, "both-of-another-state": {prefix + other[:12], v, other},
		"same-name-another-state": {n, v, c.State[:12] + other[12:]}, "state-cut": {n, v, c.State[:42]}, "state-longer": {n, v, c.State + "A"},
		"state-padded": {n, v, c.State + "="}, "state-bit-flipped": {n, v, flipped(c.State)}, "state-and-line-break": {n, v, c.State + "\r\n"},
		"state-in-upper-case": {n, v, strings.ToUpper(c.State)}, "no-state": {n, v, ""}, "state-twice": {n, v, c.State + "&state=" + c.State},
		"without-prefix": {strings.TrimPrefix(n, "__Host-"), v, c.State}, "name-longer": {n + "A", v, c.State}, "name-with-a-space": {n + " ", v, c.State},
		"identity-as-flow": {n, value(c.Identity), c.State}, "behind-another": {"a", "b; " + c.Flow, c.State}, "behind-garbage": {n, "x; " + c.Flow, c.State},
		"in-front-of-garbage": {n, v + "; " + n + "=x", c.State}, "quoted": {n, `"` + v + `"`, c.State}, "state-as-value": {n, c.State, c.State},
		"nameless": {"", c.Flow, c.State}, "key-mark-only": {n, v[:keyIDLen], c.State}, "long": {n, v[:keyIDLen] + strings.Repeat("A", 5000), c.State},
	}
}

func callbackSeeds(c sealedCookies) map[string][]any {
	const form = "application/x-www-form-urlencoded"
	good := "code=c&state=" + c.State
	all := map[string][]any{
		"post": {true, form, "", []byte(good)}, "post-with-charset": {true, form + "; charset=utf-8", "", []byte(good)},
		"post-in-capitals": {true, strings.ToUpper(form), "x=y", []byte(good)}, "post-json": {true, "application/json", "", []byte(`{"code":"c","state":"` + c.State + `"}`)},
		"post-multipart":    {true, "multipart/form-data; boundary=b", "", []byte("--b\r\nContent-Disposition: form-data; name=\"state\"\r\n\r\n" + c.State + "\r\n--b--")},
		"post-without-type": {true, "", "", []byte(good)}, "post-with-a-broken-type": {true, form + "; x", "", []byte(good)},
		"post-in-the-query": {true, form, good, []byte{}}, "post-state-in-the-query": {true, form, "state=" + c.State, []byte("code=c")},
		"post-broken-query": {true, form, "%zz", []byte(good)}, "post-both": {true, form, good, []byte(good)},
		"post-with-tokens": {true, form, "", []byte(good + "&id_token=a.b.c&access_token=x&user=%7B%22email%22%3A%22evil%40example.test%22%7D")},
		"post-too-long":    {true, form, "", []byte(good + "&x=" + strings.Repeat("x", maxCallback))}, "get-with-a-body": {false, form, "", []byte(good)},
	}
	for name, query := range map[string]string{
		"get": good, "state-first": "state=" + c.State + "&code=c", "escaped-name": "c%6fde=c&st%61te=" + c.State, "nothing": "", "no-code": "state=" + c.State,
		"empty-code": "code=&state=" + c.State, "no-state": "code=c", "empty-state": "code=c&state=", "code-twice": good + "&code=d", "same-code-twice": good + "&code=c",
		"state-twice": good + "&state=" + c.State, "state-array": "code=c&state[]=" + c.State, "state-and-a-space": good + "+", "state-and-NUL": good + "%00",
		"semicolons": strings.ReplaceAll(good, "&", ";"), "broken-escape": good + "&x=%zz", "raw-bytes": good + "&x=\xff\x00\r\n", "question-marks": "?" + good + "?",
		"issuer": good + "&iss=https://provider.example", "another-issuer": good + "&iss=https://provider.example/", "issuer-twice": good + "&iss=https://provider.example&iss=x",
		"denied": "error=access_denied&state=" + c.State, "error-and-code": good + "&error=access_denied", "empty-error": good + "&error=", "error-twice": good + "&error=a&error=b",
		"login-required": "error=login_required&state=" + c.State, "number-of-Facebook": "error_code=1349187&error_message=x&state=" + c.State, "empty-number": good + "&error_code=",
		"error-without-state": "error=access_denied", "markup": "error=%3Csvg/onload=alert(1)%3E&error_description=%3Cscript%3Ealert(1)%3C/script%3E&state=" + c.State,
		"terminal": "error=%1b%5b31m&error_description=%1b]0;x%07&state=" + c.State, "line-breaks": "error=x%0d%0aSet-Cookie:%20x=y&state=" + c.State,
		"format-verbs": "error=%25s%25d%25!x(NIL)&state=" + c.State, "error-uri": "error=x&error_uri=javascript:alert(1)&state=" + c.State,
		"tokens": "access_token=x&id_token=a.b.c&state=" + c.State, "long-code": "state=" + c.State + "&code=" + strings.Repeat("c", maxCodeBytes),
		"too-long-a-code": "state=" + c.State + "&code=" + strings.Repeat("c", maxCodeBytes+1), "too-long": good + "&x=" + strings.Repeat("x", maxCallback),
	} {
		all[name] = []any{false, "", query, []byte{}}
	}
	return all
}

// argument is how a corpus file writes one.
func argument(arg any) string {
	switch arg := arg.(type) {
	case bool:
		return fmt.Sprintf("bool(%v)\n", arg)
	case []byte:
		return fmt.Sprintf("[]byte(%q)\n", arg)
	}
	return fmt.Sprintf("%T(%q)\n", arg, arg)
}

// T66: the committed seeds are these, so that they hold cookies that are good.
func TestSeeds(t *testing.T) {
	for target, all := range seeds(readSealed(t)) {
		dir := filepath.Join("testdata", "fuzz", target)
		if len(all) < 10 {
			t.Errorf("%s: got %d seeds", target, len(all))
		}
		for name, args := range all {
			file, want := filepath.Join(dir, name), "go test fuzz v1\n"
			for _, arg := range args {
				want += argument(arg)
			}
			if os.Getenv("UPDATE") != "" {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("%s is not what it should be (%v); if that is meant, run: UPDATE=1 go test -run 'Sealed|Seeds' .", file, err)
			}
		}
	}
}
