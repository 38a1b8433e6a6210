package login

import (
	"errors"
)

// The errors that [Config.OnError] and the methods of [Auth] return, to be
// tested with [errors.Is]. What the provider itself answered, if it was an OAuth
// error code, is found with [errors.As] and *[oauth2.RetrieveError].
var (
	// ErrLoginRequired: nobody is logged in, or the provider wants to see the
	// person although a silent login was asked for. 401, or a redirect to /login.
	ErrLoginRequired = errors.New("login: login required")

	// ErrForbidden: somebody is logged in, or tried to, and may not. 403.
	ErrForbidden = errors.New("login: forbidden")

	// ErrDenied: the person pressed Cancel at the provider. 403.
	ErrDenied = errors.New("login: denied by the user")

	// ErrBadCallback: the request to the callback does not belong to a login
	// that this browser began here. 400.
	ErrBadCallback = errors.New("login: bad callback")

	// ErrNoToken: the session holds no usable token.
	ErrNoToken = errors.New("login: no token")

	// ErrProvider: the provider could not be reached or gave an answer that
	// cannot be accepted. 502.
	ErrProvider = errors.New("login: provider failed")
)
