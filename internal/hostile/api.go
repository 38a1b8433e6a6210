package hostile

import "net/http"

// me is what the application asks the API for.
const me = Issuer + "/api/me"

// withdrawn answers 401, and means it.
func withdrawn(a *Answer) {
	a.Status = http.StatusUnauthorized
	a.Object = Object{"error": "invalid_token", "error_description": Canary}
	a.Login.Token = ""
}

// api misbehaves when the application asks an API as the user: the API does, or
// whoever had a say in the URL.
func api() []Switch {
	table := []Switch{
		{Name: "the token is not accepted", Rules: "J3 J6", Check: "refused tokens", Ask: me, Faults: Faults{API: withdrawn}},
		{Name: "redirect to the thief", Rules: "C5 T47", Check: "token origins", Ask: me, Visit: true, Faults: Faults{API: redirect(http.StatusFound, thief+"/me")}},
		{Name: "redirect to the thief, with the method", Rules: "C5 T47", Check: "token origins", Ask: me, Visit: true, Faults: Faults{API: redirect(http.StatusTemporaryRedirect, thief+"/me")}},
		{Name: "redirect to a host that begins like ours", Rules: "C5 T47", Check: "token origins", Ask: me, Visit: true, Faults: Faults{API: redirect(http.StatusFound, Issuer+"."+ThiefHost+"/me")}},
		{Name: "redirect to plain http", Rules: "C5 C6 T47", Check: "https only", Ask: me, Faults: Faults{API: redirect(http.StatusFound, "http://id.example/api/me")}},
		{Name: "redirect without a scheme", Rules: "C5 T47", Check: "token origins", Ask: me, Visit: true, Faults: Faults{API: redirect(http.StatusFound, "//"+ThiefHost+"/me")}},
		{Name: "redirect to itself", Rules: "C5 T47", Ask: me, Faults: Faults{API: redirect(http.StatusFound, Issuer+"/api/me")}},
		{Name: "with status 500", Rules: "T51", Ask: me, Faults: Faults{API: status(http.StatusInternalServerError)}},
		{Name: "does not answer", Rules: "C7 T51", Check: "deadlines of APIs", Ask: me, Faults: Faults{API: stall}},
		{Name: "never ends", Rules: "C7 T51", Check: "deadlines of APIs", Ask: me, Faults: Faults{API: drips}},
		{Name: "a URL without a scheme", Rules: "C6", Ask: "//" + ThiefHost + "/me"},
		{Name: "a URL without a scheme, with our path", Rules: "C6", Ask: "//" + ThiefHost + "/api/me"},
		{Name: "a URL with backslashes", Rules: "C6", Ask: `https:\\` + ThiefHost + `\me`},
		{Name: "a URL without a host", Rules: "C6", Ask: "https:///" + ThiefHost + "/me"},
		{Name: "a URL with our host as the user", Rules: "C6", Check: "token origins", Ask: Issuer + "@" + ThiefHost + "/api/me", Visit: true},
		{Name: "a URL with our host as a beginning", Rules: "C6", Check: "token origins", Ask: Issuer + "." + ThiefHost + "/api/me", Visit: true},
		{Name: "a URL of ours with plain http", Rules: "C6", Check: "https only", Ask: "http://id.example/api/me"},

		{Name: "a path with a backslash", Rules: "C6", Accept: true, Ask: `/\` + ThiefHost + `/me`},
		{Name: "a URL in capitals", Rules: "C6", Accept: true, Ask: "HTTPS://ID.EXAMPLE:443/api/me"},
		{Name: "a path", Rules: "C6", Accept: true, Ask: "/me"},
		{Name: "a path that climbs", Rules: "C6", Accept: true, Ask: "/x/../me"},
		{Name: "redirect within the API", Rules: "C5", Check: "redirects of APIs", Accept: true, Ask: me, Faults: Faults{API: moved(Issuer + "/api/you")}},
	}
	return group("api", table)
}

// moved redirects those who ask for me.
func moved(to string) func(*Answer) {
	return func(a *Answer) {
		if Issuer+a.Path == me {
			redirect(http.StatusFound, to)(a)
		}
	}
}
