// Mutants removes the checks that people's safety hangs on, one at a time, from
// a copy of the tree, and demands that a test fails each time:
//
//	go run ./internal/mutants        (or make mutants)
//	go run ./internal/mutants nonce  (those whose name holds "nonce")
//
// A mutant that survives is a check without a test.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A mutant is a check, and what the source looks like without it.
type mutant struct {
	name, file, with, without string
	pkg                       string // whose tests must notice
}

func mutants() []mutant {
	const root, generic = ".", "./generic"
	return []mutant{
		{"state compare", "flow.go", `ok && subtle.ConstantTimeCompare([]byte(f.state), []byte(state)) == 1`, `ok && subtle.ConstantTimeCompare(nil, nil) == 1`, root},
		{"flow expiry", "flow.go", `return f, ok && !f.expired(a.now())`, `return f, ok`, root},
		{"flow's provider", "exchange.go", `f.provider != p.Name || f.redirectURL != p.RedirectURL`, `false`, root},
		{"flow's provider name", "exchange.go", `f.provider != p.Name || `, ``, root},
		{"flow's issuer", "exchange.go", `f.issuer != md.Issuer`, `false`, root},
		{"finished states", "exchange.go", `if !a.use(f) {`, `if a.use(f); false {`, root},
		{"iss compare", "exchange.go", `md.Issuer != "" && iss != md.Issuer`, `md.Issuer != "" && iss == "\x00"`, root},
		{"iss required", "exchange.go", `!present && md.RequireIss`, `!present && false`, root},
		{"error with a code", "exchange.go", "	if err := callbackError(params); err != nil {\n		return nil, nil, err\n	}\n", "", root},
		{"repeated parameters", "exchange.go", `len(params[key]) > 1`, `false`, root},
		{"PKCE verifier", "exchange.go", `oauth2.VerifierOption(f.verifier)`, `oauth2.SetAuthURLParam("x", "y")`, root},
		{"user ID", "exchange.go", `u == nil || !validID(u.ID)`, `u == nil`, root},
		{"flow used up", "handlers.go", "	a.cookies.clear(w, a.cookies.flow(f.state)) // used, whatever comes of it\n", "", root},
		{"same-origin logout", "handlers.go", `err := a.crossSite.Check(&own); err != nil`, `err := a.crossSite.Check(&own); err != nil && false`, root},
		{"framing", "handlers.go", `!slices.Contains([]string{"", "document"}, r.Header.Get("Sec-Fetch-Dest"))`, `false`, root},
		{"prefetch", "handlers.go", "	case prefetch(r):\n", "	case false:\n", root},
		{"no-store on redirects", "handlers.go", "	h.Set(\"Cache-Control\", \"no-store\")\n", "", root},
		{"no-store on cookies", "cookie.go", "	h.Set(\"Cache-Control\", \"no-store\")\n", "", root},
		{"absolute expiry", "session.go", `now.Sub(s.began) > a.config.Lifetime || `, ``, root},
		{"idle expiry", "session.go", `now.Sub(seen) > idle || `, ``, root},
		{"revoked sessions", "session.go", ` || a.revoked.has(s.id)`, ``, root},
		{"sessions of missing providers", "session.go", `a.providers[s.user.Provider] == nil || `, ``, root},
		{"old session ended at login", "session.go", "	a.end(w, r)\n	a.endUnseen", "	a.endUnseen", root},
		{"token bound to session", "token.go", `r.ok() && id == string(s.id[:])`, `r.ok() && id != ""`, root},
		{"purpose tag", "record.go", `b[1] != purpose`, `b[1] == 0`, root},
		{"keys by purpose", "cookie.go", `"doorlatch/login "+string(purpose)+" "+url`, `"doorlatch/login "+url`, root},
		{"keys by site", "cookie.go", `"doorlatch/login "+string(purpose)+" "+url`, `"doorlatch/login "+string(purpose)`, root},
		{"encryption", "cookie.go", `sub[:32], sub[32:64]`, `sub[:32], nil`, root},
		{"fresh store ID", "store.go", `stored.ID, stored.Values = "", values`, `stored.Values = values`, root},
		{"old record deleted", "store.go", "		setMaxAge(stored, -1)\n", "", root},
		{"record bound to handle", "store.go", `!ok || s.id != id`, `!ok`, root},
		{"cross-Auth user", "middleware.go", `v.auth == nil || v.auth == key.auth`, `v.auth == nil || key.auth != nil`, root},
		{"endless redirects", "handlers.go", `if a.lost(w, r) {`, `if a.lost(w, r) && false {`, root},
		{"nobody at the gate", "middleware.go", "				a.demandLogin(w, r)\n", "				next.ServeHTTP(w, r)\n", root},
		{"Allow", "middleware.go", `case !ok(v.user):`, `case !ok(v.user) && false:`, root},
		{"next: bytes", "next.go", `c <= ' ' || c > '~' || c == '\\'`, `c == 0`, root},
		{"next: another host", "next.go", `strings.HasPrefix(p, "//") || `, ``, root},
		{"next: own pages", "next.go", ` || a.owns(p)`, ``, root},
		{"redirect refusal", "client.go", `resp.StatusCode/100 == 3 && resp.StatusCode != http.StatusNotModified`, `false`, root},
		{"size limit", "client.go", `left: maxAnswer}`, `left: 1 << 40}`, root},
		{"https only", "client.go", `!secureURL(r.URL)`, `r.URL.Host == "\x00"`, root},
		{"token origins", "client.go", `if t.grant.mayReceive(u) {`, `if t.grant.Token != nil {`, root},
		{"token type", "tokenresponse.go", `!strings.EqualFold(*tokenType, "Bearer")`, `false`, root},
		{"scrubbed secrets", "errors.go", `if len(s) >= 4 {`, `if false {`, root},

		{"alg list", "generic/idtoken.go", `!slices.Contains(algs, alg)`, `alg == ""`, generic},
		{"typ", "generic/idtoken.go", `typErr != nil || typ != "" && !strings.EqualFold(typ, "JWT")`, `typErr != nil && typ == ""`, generic},
		{"nonce", "generic/idtoken.go", `nonce == "" || subtle.ConstantTimeCompare([]byte(got), []byte(nonce)) != 1`, `subtle.ConstantTimeCompare([]byte(got), []byte(got)) != 1`, generic},
		{"aud", "generic/idtoken.go", `		ClientID:             g.Provider.ClientID,`, `		SkipClientIDCheck: true,`, generic},
		{"azp", "generic/idtoken.go", `(present || len(aud) > 1) && azp != clientID`, `present && len(aud) > 100 && azp != clientID`, generic},
		{"sub", "generic/idtoken.go", "		checkSubject(c),\n", "", generic},
		{"exp", "generic/idtoken.go", `!now.Before(exp.Add(leeway))`, `exp.IsZero()`, generic},
		{"iat in the future", "generic/idtoken.go", `iat.After(now.Add(leeway))`, `iat.IsZero()`, generic},
		{"iat in the past", "generic/idtoken.go", `iat.Before(now.Add(-maxAge))`, `maxAge < 0`, generic},
		{"at_hash", "generic/idtoken.go", `t.VerifyAccessToken(accessToken) != nil`, `t == nil`, generic},
		{"duplicate claims", "generic/claims.go", `if seen[folded] {`, `if seen[folded] && name == "" {`, generic},
		{"userinfo sub", "generic/userinfo.go", `err != nil || got != sub`, `err != nil && got != sub`, generic},
		{"discovered issuer", "generic/discovery.go", `if d.Issuer != p.Issuer {`, `if d.Issuer == "" {`, generic},
		{"use of a key", "generic/key.go", `w.Use != "" && w.Use != "sig" || `, ``, generic},
	}
}

func main() {
	filter := strings.Join(os.Args[1:], " ")
	tree, err := os.MkdirTemp("", "mutants-")
	if err == nil {
		defer os.RemoveAll(tree)
		err = os.CopyFS(tree, os.DirFS("."))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if out, err := run(tree, "test", "-count=1", ".", "./generic"); err != nil {
		fmt.Fprintln(os.Stderr, "mutants: the tests fail without any:", out)
		os.RemoveAll(tree)
		os.Exit(2)
	}
	tried, alive := 0, 0
	for _, m := range mutants() {
		if !strings.Contains(m.name, filter) {
			continue
		}
		tried++
		if verdict := m.try(tree); verdict != "" {
			alive++
			fmt.Printf("%-32s %s\n", m.name, verdict)
		}
	}
	fmt.Printf("%d mutants, %d dead\n", tried, tried-alive)
	if alive > 0 {
		os.RemoveAll(tree)
		os.Exit(1)
	}
}

// try returns why m counts as alive, "" if a test noticed it.
func (m mutant) try(tree string) string {
	file := filepath.Join(tree, m.file)
	source, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	defer os.WriteFile(file, source, 0o644)
	if bytes.Count(source, []byte(m.with)) != 1 {
		return "is not to be found exactly once: " + m.with
	}
	mutated := bytes.Replace(source, []byte(m.with), []byte(m.without), 1)
	if err := os.WriteFile(file, mutated, 0o644); err != nil {
		return err.Error()
	}
	if out, err := run(tree, "build", m.pkg); err != nil {
		return "does not compile: " + out
	}
	if _, err := run(tree, "test", "-vet=off", "-count=1", "-failfast", m.pkg); err == nil {
		return "SURVIVES"
	}
	return ""
}

func run(tree string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir = tree
	out, err := c.CombinedOutput()
	return string(out), err
}
