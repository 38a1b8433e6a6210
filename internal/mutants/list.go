package main

import "slices"

// A mutant is a check, and what the source looks like without it. A check that is
// made in several places goes in all of them.
type mutant struct {
	name  string
	pkg   string // whose tests must notice; empty: the switches that name it must
	edits edits
}

type edits []struct{ file, with, without string }

const root, generic = ".", "./generic"

// mutants returns all of them. Those that switches of internal/hostile name must
// be noticed by each of these switches, too.
func mutants() []mutant {
	return slices.Concat(ofLogin(), ofTokens(), ofGeneric(), ofSwitches())
}

// ofLogin are checks of the root package.
func ofLogin() []mutant {
	return []mutant{
		{"state compare", root, edits{{"flow.go", `ok && subtle.ConstantTimeCompare([]byte(f.state), []byte(state)) == 1`, `ok && subtle.ConstantTimeCompare(nil, nil) == 1`}}},
		{"flow expiry", root, edits{{"flow.go", `return f, ok && !f.expired(a.now())`, `return f, ok`}}},
		{"flow's provider", root, edits{{"exchange.go", `f.provider != p.Name || f.redirectURL != p.RedirectURL`, `false`}}},
		{"flow's provider name", root, edits{{"exchange.go", `f.provider != p.Name || `, ``}}},
		{"flow's issuer", root, edits{{"exchange.go", `f.issuer != md.Issuer`, `false`}}},
		{"finished states", root, edits{{"exchange.go", `if !a.use(f) {`, `if a.use(f); false {`}}},
		{"iss compare", root, edits{{"exchange.go", `md.Issuer != "" && iss != md.Issuer`, `md.Issuer != "" && iss == "\x00"`}}},
		{"iss required", root, edits{{"exchange.go", `!present && md.RequireIss`, `!present && false`}}},
		{"error with a code", root, edits{{"exchange.go", "	if err := callbackError(params); err != nil {\n		return nil, nil, err\n	}\n", ""}}},
		{"repeated parameters", root, edits{{"exchange.go", `len(params[key]) > 1`, `false`}}},
		{"PKCE verifier", root, edits{{"exchange.go", `oauth2.VerifierOption(f.verifier)`, `oauth2.SetAuthURLParam("x", "y")`}}},
		{"user ID", root, edits{{"exchange.go", `u == nil || !validID(u.ID)`, `u == nil`}}},
		{"flow used up", root, edits{{"handlers.go", "	a.cookies.clear(w, a.cookies.flow(f.state)) // used, whatever comes of it\n", ""}}},
		{"same-origin logout", root, edits{{"gate.go", `err := a.crossSite.Check(&own); err != nil`, `err := a.crossSite.Check(&own); err != nil && false`}}},
		{"http origin for https", root, edits{{"gate.go", `o != a.origin && r.Header`, `o == "" && r.Header`}}},
		{"scripts are told", root, edits{{"gate.go", `prefetch(r) || scripted(r)`, `prefetch(r)`}}},
		{"circles", root, edits{{"handlers.go", `a.streak(flows) + 1`, `1`}}},
		{"framing", root, edits{{"gate.go", `!slices.Contains([]string{"", "document"}, r.Header.Get("Sec-Fetch-Dest"))`, `false`}}},
		{"prefetch", root, edits{{"gate.go", "	case prefetch(r):\n", "	case false:\n"}}},
		{"no-store on redirects", root, edits{{"handlers.go", "	h.Set(\"Cache-Control\", \"no-store\")\n", ""}}},
		{"no-store on cookies", root, edits{{"cookie.go", "	h.Set(\"Cache-Control\", \"no-store\")\n", ""}}},
		{"absolute expiry", root, edits{{"session.go", `now.Sub(s.began) > a.lifetime(s) || `, ``}}},
		{"idle expiry", root, edits{{"session.go", `now.Sub(seen) > idle || `, ``}}},
		{"sessions from the future", root, edits{{"session.go", ` || s.began.Sub(now) > clockSkew || a.dead(s)`, ` || a.dead(s)`}}},
		{"headers of known cookies", root, edits{{"opened.go", `o.put(strings.Clone(value), held) // or it`, `o.put(value, held) // or it`}}},
		{"few known cookies", root, edits{{"opened.go", `len(o.cur) >= maxOpened || `, ``}}},
		{"few bytes of known cookies", root, edits{{"opened.go", ` || o.bytes+len(value) > maxOpenedBytes`, ``}}},
		{"users of the request", root, edits{{"middleware.go", "	v.user = &v.own\n", "	v.user = &s.user\n"}}},
		{"users' Extra of the request", root, edits{{"middleware.go", `own: s.user.clone()`, `own: s.user`}}},
		{"raised lifetime", root, edits{{"session.go", `now.Sub(s.began) > a.lifetime(s)`, `now.Sub(s.began) > a.config.Lifetime`}}},
		{"last of last seen", root, edits{{"session.go", ` && last.at.After(seen)`, ``}}},
		{"time for the provider after a wait", root, edits{{"once.go", `context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)`, `context.WithTimeout(ctx, providerTimeout)`}}},
		{"sessions with one token", root, edits{{"once.go", `a.sealTokenFor(key, mine)`, `a.sealToken(s, mine)`}}},
		{"logouts remembered by fast clocks", root, edits{{"revocation.go", `now.Add(a.config.Lifetime+clockSkew)`, `now.Add(a.config.Lifetime)`}}},
		{"used-up token removed", root, edits{{"token.go", `if _, ok := a.cookies.pieceOf(name); ok {`, `if false {`}}},
		{"only our cookies removed", root, edits{{"token.go", `if _, ok := a.cookies.pieceOf(name); ok {`, `if true {`}}},
		{"revoked sessions", root, edits{{"session.go", ` || a.dead(s) {`, ` {`}}},
		{"sessions of missing providers", root, edits{{"session.go", `ok && a.providers[s.user.Provider] != nil`, `ok`}}},
		{"old session ended at login", root, edits{{"session.go", "	a.end(w, r)\n	a.endUnseen", "	a.endUnseen"}}},
		{"token bound to session", root, edits{{"token.go", `r.ok() && of == owner`, `r.ok() && of != ""`}}},
		{"purpose tag", root, edits{{"record.go", `b[1] != purpose`, `b[1] == 0`}}},
		{"keys by purpose", root, edits{{"cookie.go", `"doorlatch/login "+string(purpose)+" "+url`, `"doorlatch/login "+url`}}},
		{"keys by site", root, edits{{"cookie.go", `"doorlatch/login "+string(purpose)+" "+url`, `"doorlatch/login "+string(purpose)`}}},
		{"one renewal", root, edits{{"renewal.go", `if n := rs.byKey[key]; n != nil {`, `if n := rs.byKey[key]; n != nil && false {`}}},
		{"renewal outlives its request", root, edits{{"renewal.go", `context.WithoutCancel(r.Context())`, `r.Context()`}}},
		{"invalid_grant ends the session", root, edits{{"renewal.go", `re.ErrorCode == "invalid_grant"`, `re.ErrorCode == ""`}}},
		{"renewed for somebody else", root, edits{{"token.go", `a.valid(&t) && !errors.Is(err, ErrLoginRequired)`, `a.valid(&t)`}}},
		{"logout during a renewal", root, edits{{"token.go", `case a.dead(s): // meanwhile`, `case false: // meanwhile`}}},
		{"new refresh tokens are used", root, edits{{"renewal.go", `RefreshToken: token.RefreshToken, Expiry: token.Expiry,`, `RefreshToken: t.RefreshToken, Expiry: token.Expiry,`}}},
		{"withdrawn tokens end the session", root, edits{{"token.go", "		a.end(w, r)\n		return tokenRecord{}, fmt.Errorf(", "		return tokenRecord{}, fmt.Errorf("}}},
		{"other errors keep the session", root, edits{{"renewal.go", `re.ErrorCode == "invalid_grant"`, `re.ErrorCode != ""`}}},
		{"old token while it lasts", root, edits{{"token.go", `case a.valid(&t) && !errors.Is(err, ErrLoginRequired):`, `case false:`}}},
		{"refused tokens", root, edits{{"renewal.go", ` && !a.refused.has(t.mark())`, ``}}},
		{"renewed early", root, edits{{"renewal.go", `leeway := min(maxLeeway, t.Expiry.Sub(t.issued)/4)`, `leeway := time.Duration(0)`}}},
		{"encryption", root, edits{{"cookie.go", `sub[:32], sub[32:64]`, `sub[:32], nil`}}},
		{"fresh store ID", root, edits{{"store.go", `stored.ID, stored.Values = "", values`, `stored.Values = values`}}},
		{"dead handles", root, edits{{"session.go", `|| slices.Contains(asked, id) || a.ended(id)`, `|| slices.Contains(asked, id)`}}},
		{"few lookups", root, edits{{"session.go", `if len(asked) == maxHandles {`, `if false {`}}},
		{"stored identity is no cookie", root, edits{{"store.go", `a.identities.seal(storeName, s.record())`, `a.identities.seal(a.cookies.base, s.record())`}, {"store.go", `a.identities.open(storeName, sealed)`, `a.identities.open(a.cookies.base, sealed)`}}},
		{"handshakes end", root, edits{{"client.go", "	t.TLSHandshakeTimeout = providerTimeout\n", ""}}},
		{"old record deleted", root, edits{{"store.go", "	if stored != nil {\n		setMaxAge(stored, -1)\n", "	if stored != nil {\n"}}},
		{"record bound to handle", root, edits{{"store.go", `!ok || s.id != id`, `!ok`}}},
		{"cross-Auth user", root, edits{{"middleware.go", `v.auth == nil || v.auth == key.auth`, `v.auth == nil || key.auth != nil`}}},
		{"endless redirects", root, edits{{"gate.go", `if a.lost(w, r) {`, `if a.lost(w, r) && false {`}}},
		{"nobody at the gate", root, edits{{"middleware.go", "				a.demandLogin(w, r)\n", "				next.ServeHTTP(w, r)\n"}}},
		{"Allow", root, edits{{"middleware.go", `case !ok(v.user):`, `case !ok(v.user) && false:`}}},
		{"next: bytes", root, edits{{"next.go", `c <= ' ' || c > '~' || c == '\\'`, `c == 0`}}},
		{"next: another host", root, edits{{"next.go", `strings.HasPrefix(p, "//") || `, ``}}},
		{"next: encoded twice", root, edits{{"next.go", "`\\`, \"/\", ", ``}}},
		{"form deadline", root, edits{{"exchange.go", `			// The deadline stays: net/http`, `			c.SetReadDeadline(time.Time{}) // net/http`}}},
		{"a Store that is down for one cookie", root, edits{{"session.go", `err = failed // unless`, `err = nil // unless`}}},
		{"next: own pages", root, edits{{"next.go", ` || a.owns(p)`, ``}}},
		{"redirect refusal", root, edits{{"client.go", `resp.StatusCode/100 == 3 && resp.StatusCode != http.StatusNotModified`, `false`}}},
		{"size limit", root, edits{{"client.go", `left: maxAnswer}`, `left: 1 << 40}`}}},
		{"https only", root, edits{{"client.go", `!secureURL(r.URL)`, `r.URL.Host == "\x00"`}}},
		{"token origins", root, edits{{"client.go", `receives := t.grant.mayReceive(u)`, `receives := t.grant.Token != nil`}}},
		{"token type", root, edits{{"tokenresponse.go", `!strings.EqualFold(*tokenType, "Bearer")`, `false`}}},
		{"scrubbed secrets", root, edits{{"errors.go", `if len(s) >= 4 {`, `if false {`}}},
	}
}

// ofGeneric are checks of OpenID Connect.
func ofGeneric() []mutant {
	return []mutant{
		{"alg list", generic, edits{{"generic/idtoken.go", `!slices.Contains(algs, alg)`, `alg == ""`}}},
		{"typ", generic, edits{{"generic/idtoken.go", `typErr != nil || typ != "" && !strings.EqualFold(typ, "JWT")`, `typErr != nil && typ == "x"`}}},
		{"nonce", generic, edits{{"generic/idtoken.go", `nonce == "" || subtle.ConstantTimeCompare([]byte(got), []byte(nonce)) != 1`, `subtle.ConstantTimeCompare([]byte(got), []byte(got)) != 1`}}},
		{"aud", generic, edits{{"generic/idtoken.go", `		ClientID:             g.Provider.ClientID,`, `		SkipClientIDCheck: true,`}}},
		{"azp", generic, edits{{"generic/idtoken.go", `(present || len(aud) > 1) && azp != clientID`, `present && len(aud) > 100 && azp != clientID`}}},
		{"sub", generic, edits{{"generic/idtoken.go", "		checkSubject(c),\n", ""}}},
		{"exp", generic, edits{{"generic/idtoken.go", `!now.Before(exp.Add(leeway))`, `exp.IsZero()`}}},
		{"iat in the future", generic, edits{{"generic/idtoken.go", `iat.After(now.Add(leeway))`, `iat.IsZero()`}}},
		{"iat in the past", generic, edits{{"generic/idtoken.go", `iat.Before(now.Add(-maxAge))`, `maxAge < 0`}}},
		{"at_hash", generic, edits{{"generic/idtoken.go", `t.VerifyAccessToken(accessToken) != nil`, `t == nil`}}},
		{"duplicate claims", generic, edits{{"generic/claims.go", `if seen[folded] {`, `if seen[folded] && name == "" {`}}},
		{"sub of a refreshed ID token", generic, edits{{"generic/renew.go", `c.text("sub") != g.User.ID`, `false`}}},
		{"nonce, azp, auth_time of a refreshed ID token", generic, edits{{"generic/renew.go", `string(c[name]) != string(first[name])`, `false`}}},
		{"userinfo sub", generic, edits{{"generic/userinfo.go", `err != nil || got != sub`, `err != nil && got != sub`}}},
		{"discovered issuer", generic, edits{{"generic/discovery.go", `if d.Issuer != p.Issuer {`, `if d.Issuer == "" {`}}},
		{"use of a key", generic, edits{{"generic/key.go", `w.Use != "" && w.Use != "sig" || `, ``}}},
	}
}
