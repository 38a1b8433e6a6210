package main

// ofTokens are checks of what happens after a login: logging out, connecting, and
// keeping tokens.
func ofTokens() []mutant {
	const facebook = "./facebook"
	return []mutant{
		{"revoked users", root, edits{{"revocation.go", `return ok && !s.began.After(at)`, `return ok && s.began.Equal(at.Add(-1))`}}},
		{"sessions begun after End", root, edits{{"revocation.go", `return ok && !s.began.After(at)`, `return ok && !at.IsZero()`}}},
		{"shared revocations", root, edits{{"revocation.go", `known && (!ok || shared.After(at))`, `known && ok`}}},
		{"other replicas are told", root, edits{{"revocation.go", `	if a.config.Revocations == nil {`, `	if a.revoked != nil {`}}},
		{"own memory when sharing fails", root, edits{{"revocation.go", "	a.revoked.add(key, now)\n", ""}}},
		{"logout waits two seconds", root, edits{{"endsession.go", `logoutTimeout = 2 * time.Second`, `logoutTimeout = 5 * time.Second`}}},
		{"panics at logout", root, edits{{"endsession.go", `if r := recover(); r != nil {`, `if r := any(nil); r != nil {`}}},
		{"logout outlives its request", root, edits{{"endsession.go", `context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout)`, `context.WithTimeout(ctx, logoutTimeout)`}}},
		{"newest token revoked", root, edits{{"endsession.go", `t = a.renewals.latest(t)`, `_ = a.renewals`}}},
		{"late token revoked", root, edits{{"renewal.go", "			a.giveBack(ctx, p, &s.user, t)\n", ""}}},
		{"end-session URL", root, edits{{"endsession.go", `failed != nil || !secureURL(parsed) || parsed.User != nil`, `failed != nil || parsed == nil`}}},
		{"age of a logout's state", root, edits{{"endsession.go", `!rec.ok() || age > flowLifetime || age < -clockSkew`, `!rec.ok() || age < -clockSkew`}}},
		{"seal of a logout's state", root, edits{{"endsession.go", "	b, ok := a.logouts.open(logoutStateName, state)\n", "	b, ok := a.logouts.open(logoutStateName, state)\n	if !ok {\n		return a.localPath(state)\n	}\n"}}},
		{"form of the sign-out page", root, edits{{"pages.go", `if elsewhere != "" {`, `if elsewhere == "x" {`}}},
		{"connect's binding", root, edits{{"connect.go", `v.user == nil || v.user.key() != f.connect`, `v.user == nil`}}},
		{"connect by the same site", root, edits{{"connect.go", `if err := a.sameOrigin(r); err != nil {`, `if err := a.sameOrigin(r); err != nil && r.Host == "" {`}}},
		{"connect by POST", root, edits{{"connect.go", "		methods = methods[1:]\n", ""}}},
		{"logout while connecting", root, edits{{"connect.go", `v.session != nil && a.dead(v.session)`, `v.session != nil && v.user == nil`}}},
		{"connect leaves the session", root, edits{{"handlers.go", "		finish = a.connect\n", "		finish = a.logIn\n"}}},
		{"parameters of a login's own", root, edits{{"connect.go", `if s.Params.Has(key) {`, `if s.Params.Has(key) && key == "" {`}}},
		{"size of wishes", root, edits{{"connect.go", `if size > maxWish {`, `if size > 1<<20 {`}}},
		{"kept tokens bound to their key", root, edits{{"keep.go", `a.kept.open(key, string(value))`, `a.kept.open("kept", string(value))`}, {"keep.go", `a.kept.seal(key, k.record())`, `a.kept.seal("kept", k.record())`}}},
		{"claims", root, edits{{"keep.go", `if a.now().Before(k.claimed) {`, `if a.now().Before(time.Time{}) {`}}},
		{"claims end", root, edits{{"keep.go", `if a.now().Before(k.claimed) {`, `if !k.claimed.IsZero() {`}}},
		{"claims that were lost", root, edits{{"keep.go", "		if saved {\n			return a.renewClaimed", "		if saved || true {\n			return a.renewClaimed"}}},
		{"withdrawn tokens are not asked for again", root, edits{{"keep.go", `now.token = tokenRecord{Token: oauth2.Token{Expiry: a.now()}, issued: a.now()}`, `_ = oauth2.Token{}`}}},
		{"user of a token kept meanwhile", root, edits{{"keep.go", `k, _, err = a.loadKept(ctx, key) // whoever it belongs to by now`, `var n kept; n, _, err = a.loadKept(ctx, key); k.token = n.token`}}},
		{"stores that are away for a moment", root, edits{{"keep.go", `if !down || wait > 2*time.Second`, `if true || wait > 2*time.Second || !down`}}},
		{"kept tokens that an API refused", root, edits{{"keep.go", `t.auth.refused.add(token.mark(), t.auth.now())`, `_ = token`}}},
		{"forgotten while it is renewed", root, edits{{"keep.go", "		a.giveBack(ctx, p, &k.user, next)\n", ""}}},
		{"connected again while the old token is refused", root, edits{{"keep.go", `case err == nil && !saved: // connected`, `case err == nil && !saved && failed == nil: // connected`}}},
		{"tokens that the user's client did not send", root, edits{{"client.go", ` && carries(r.Header, t.grant.Token.AccessToken)`, ``}}},
		{"sessions that end while a token is stored", root, edits{{"store.go", `if a.dead(s) { // by a logout`, `if s == nil { // by a logout`}}},
		{"flows that fit a cookie", root, edits{{"flow.go", `len(value) > room || session`, `session`}}},
		{"redirects of an API", root, edits{{"client.go", `		resp.Header.Set("Location", to.String())`, `		_ = to`}}},
		{"signature of Facebook", facebook, edits{{"facebook/signedrequest.go", `!hmac.Equal(have, mac.Sum(nil))`, `len(have) != len(mac.Sum(nil))`}}},
		{"algorithm of Facebook's signature", facebook, edits{{"facebook/signedrequest.go", `case p.Algorithm != "HMAC-SHA256":`, `case p.Algorithm == "":`}}},
		{"age of Facebook's signature", facebook, edits{{"facebook/signedrequest.go", ` || now.Sub(issued) > maxSignedAge+maxClockSkew`, ``}}},
		{"the inspected token's app", facebook, edits{{"facebook/inspect.go", `app != p.ClientID && (d.IsValid || app != "")`, `app == "x"`}}},
	}
}
