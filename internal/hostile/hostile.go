// Package hostile is the adversary of a login: an OpenID provider that keeps to
// the standards until a switch is turned, a thief who receives what leaks, and
// the network between them, in memory. [Switches] lists the ways to misbehave.
// Only tests import it.
package hostile

import (
	"slices"
	"strings"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/generic"
)

// A Switch is one way to misbehave, and what a login should make of it.
type Switch struct {
	// Name is the group, which says at which step it happens, and what happens.
	Name string

	// Rules are what forbids it, or asks to bear it, by the numbers of the
	// requirements that the tests of this module name: letters for standards, R
	// for what users were promised, T for attacks of the past.
	Rules string

	// Module is the nearest test of the OpenID Foundation's conformance suite for
	// clients, without its oidcc-client-test- in front.
	Module string

	// Check names the check that decides, as the list of mutants has it: without
	// it the verdict is another. Empty: several refuse, each by itself.
	Check string

	// Accept says that the login must succeed, as User if that is not nil and
	// as Ada otherwise, or what is done after it. If false, it must fail.
	Accept bool
	User   *login.User

	// Err is what the error of a refusal is, besides being one: by default
	// login.ErrProvider, in the group of authorization responses
	// login.ErrBadCallback.
	Err error

	// Stray says that the callback does not reach the flow that was begun,
	// whose cookie therefore stays.
	Stray bool

	// After is how long after a first login the switch is turned, when what was
	// fetched for that has to be fetched anew. At zero, the metadata are forgotten
	// where it is they that are bad. For a refresh it is an hour: then the token has
	// ended. A logout is so long after the login.
	After time.Duration

	// Unasked says that it is right if nobody asks for what is bad.
	Unasked bool

	// Ends says that a refresh which must not succeed ends the session, because the
	// provider has withdrawn what the login began, or tokens of others come from it.
	// Without it the session stays, and a later refresh succeeds.
	Ends bool

	// Ask is what the application asks an API for, as the user, or where somebody
	// who logs out wants to go. Visit says that the thief may get a request, without
	// anything that is secret.
	Ask   string
	Visit bool

	// Plain is for a client that speaks OAuth 2.0 only. Config changes what the
	// application says about the provider.
	Plain  bool
	Config func(*generic.Config)

	// Adapt changes what the provider's package made of that.
	Adapt func(*login.Provider)

	Faults
}

// Group returns the step at which s misbehaves: discovery, authorization, token,
// header, claims, keys or userinfo of a login, refresh or api after it, revocation,
// end-session or return of a logout.
func (s Switch) Group() string {
	group, _, _ := strings.Cut(s.Name, ":")
	return group
}

// Faults are changes to what the provider does at each step. Nil is none.
type Faults struct {
	Discovery     func(*Answer)
	Authorization func(*Redirect)
	Token         func(*Answer)
	IDToken       func(*IDToken)
	Keys          func(*Answer)
	UserInfo      func(*Answer)

	// Of a refresh, and of the API at Issuer + "/api".
	Refresh, API     func(*Answer)
	RefreshedIDToken func(*IDToken)

	// Of a logout.
	Revocation func(*Answer)
	EndSession func(*Redirect)
}

// aDay is a little more than metadata and keys are kept.
const aDay = 25 * time.Hour

// Canary is what the provider says in words about its errors. It must not come out
// anywhere. It is no error code: it has spaces.
const Canary = "the canary <b>sings</b> \x1b[31m %s"

// Switches returns all of them, in the order of the steps.
func Switches() []Switch {
	return slices.Concat(discovery(), authorization(), token(), header(), claims(), keys(), userInfo(), refresh(), api(),
		revocation(), endSession(), comingBack())
}
