package login

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// The errors that an [Error] and the methods of [Auth] wrap, to be tested with
// [errors.Is]. What the provider itself answered, if it was an OAuth error code,
// is found with [errors.As] and *oauth2.RetrieveError.
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
	// cannot be accepted. 502, or 504 if it took too long.
	ErrProvider = errors.New("login: provider failed")
)

// An Error is a failed request, as [Config.OnError] gets it. Its text is for logs,
// and holds no secret. It wraps one of the Err variables, unless there is no such
// page, the method or the sender of the request is wrong, there were too many, or
// the fault is on this side: then Status tells.
type Error struct {
	Status         int    // of the built-in answer
	Reason         string // code, as in the log; the README lists them
	Title, Message string // of the built-in page

	text   string
	causes []error
}

func (e *Error) Error() string   { return e.text }
func (e *Error) Unwrap() []error { return e.causes }

// A failure is why a request failed, for all its readers: kind for the program,
// reason and err for the log, and a sentence for the person; see sentence.
type failure struct {
	kind     error  // one of the Err variables, or nil
	status   int    // 0: by kind
	reason   string // code in the log
	err      error  // the cause, or nil
	provider *provider
	user     *User    // who was turned away
	next     string   // where the person wanted to go
	connect  bool     // an account was to be connected
	secrets  []string // must not be printed, whoever put them into err
}

func (f *failure) Error() string {
	text := "login: " + f.reason
	if f.err != nil {
		text += ": " + f.scrub(f.err.Error())
	}
	return text
}

func (f *failure) Unwrap() []error {
	var errs []error
	for _, err := range []error{f.kind, f.err} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// scrub makes text fit for a log: without secrets, control characters and
// excessive length. Our own errors are made without secrets; this is for those
// of a provider's functions and of OnLogin.
func (f *failure) scrub(text string) string {
	const most = 1000
	secrets := f.secrets
	if f.provider != nil {
		secrets = append(slices.Clip(secrets), f.provider.ClientSecret)
	}
	for _, s := range secrets {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, "[redacted]")
			text = strings.ReplaceAll(text, url.QueryEscape(s), "[redacted]")
		}
	}
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) { // line breaks and escapes, but also what turns text around
			return ' '
		}
		return c
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// asFailure returns err as a failure.
func asFailure(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, errStoreDown):
		return &failure{status: http.StatusServiceUnavailable, reason: "store_unavailable", err: err}
	}
	return &failure{reason: "internal", err: err}
}

func (f *failure) code() int {
	switch {
	case f.status != 0:
		return f.status
	case errors.Is(f.kind, ErrLoginRequired):
		return http.StatusUnauthorized
	case errors.Is(f.kind, ErrForbidden), errors.Is(f.kind, ErrDenied):
		return http.StatusForbidden
	case errors.Is(f.kind, ErrBadCallback):
		return http.StatusBadRequest
	case errors.Is(f.kind, ErrProvider):
		var timeout net.Error
		if errors.Is(f.err, context.DeadlineExceeded) || errors.As(f.err, &timeout) && timeout.Timeout() {
			return http.StatusGatewayTimeout
		}
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}

// sentence says in plain words what happened. Only a Refusal adds words of its
// own; those of the provider never reach a page.
func (f *failure) sentence() (title, message string) {
	who := "The login service"
	if f.provider != nil {
		who = f.provider.Label
	}
	var refusal Refusal
	switch {
	case f.connect && errors.As(f.err, &refusal):
		return "This account was not connected", string(refusal)
	case f.connect && errors.Is(f.kind, ErrDenied):
		return "Nothing was connected", "You did not allow it at " + who + ". Nothing was changed."
	case f.connect && errors.Is(f.kind, ErrBadCallback):
		return "This account was not connected", "It was begun by somebody else who was logged in here, or took longer than ten minutes. Please begin again."
	case f.connect && errors.Is(f.kind, ErrProvider):
		return "Connecting is not possible right now", who + " did not answer as expected. Please try again in a moment."
	case errors.As(f.err, &refusal):
		return "You may not log in here", string(refusal)
	case errors.Is(f.kind, ErrDenied):
		return "Login cancelled", "You did not allow " + who + " to tell us who you are, so you are not logged in. Nothing was changed."
	case errors.Is(f.kind, ErrLoginRequired):
		return "Please log in", "You need to be logged in to see this."
	case errors.Is(f.kind, ErrForbidden):
		return "No access", "You are not allowed to see this."
	case errors.Is(f.kind, ErrBadCallback):
		return "This login did not work", "It was not begun in this browser, took longer than ten minutes, or was finished already. Please log in again."
	case errors.Is(f.kind, ErrProvider):
		return "Login is not possible right now", who + " did not answer as expected. Please try again in a moment."
	case f.reason == lostSession:
		return "Your login got lost", "You logged in a moment ago, but we cannot find your session. Please try again. If it happens again, the fault is probably ours."
	case f.status == http.StatusTooManyRequests:
		return "Too many logins at once", who + " keeps sending you back without logging you in, or many pages want you to log in at once. Please try again in a moment."
	case f.status == http.StatusNotFound:
		return "Page not found", "There is no such page."
	case f.status == http.StatusServiceUnavailable:
		return "Please try again in a moment", "We cannot look up your login right now. You have not been logged out."
	case f.status != 0:
		return "This request is not allowed", "It has to be made by you, on a page of this site."
	}
	return "Something went wrong", "The fault is ours. Please try again in a moment."
}

// fail answers a failed request and logs it.
func (a *Auth) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := asFailure(err)
	status := f.code()
	a.logFailure(r, f, status)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the URL of a failed callback holds a code
	if status == http.StatusUnauthorized {
		h.Add("WWW-Authenticate", `Cookie realm="`+a.origin+`"`) // RFC 9110 section 11.6.1 wants one
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		h.Set("Retry-After", "5")
	}
	title, message := f.sentence()
	if a.config.OnError != nil {
		a.config.OnError(w, r, &Error{
			Status: status, Reason: f.reason, Title: title, Message: message, text: f.Error(), causes: f.Unwrap(),
		})
		return
	}
	fromRequire := f.provider == nil && errors.Is(f.kind, ErrLoginRequired) // redirected, if a page would help
	if a.pages == nil || fromRequire || !wantsPage(r) {
		writeProblem(w, status, message, f.reason)
		return
	}
	page := Page{Title: title, Message: message, Status: status, Reason: f.reason, Back: defaultNext}
	if errors.Is(f.kind, ErrDenied) {
		page.Reason = "" // pressing Cancel is no error
	}
	switch {
	case f.connect:
		page.Back = f.next
	case f.provider != nil && !errors.Is(f.kind, ErrForbidden):
		page.TryAgain = a.loginURL(f.provider.Name, f.next)
	case f.provider != nil, f.reason == lostSession:
		page.TryAgain = a.loginURL("", f.next)
	}
	a.pages.write(w, "error", page, "")
}

// wantsPage reports whether a person will see the answer.
func wantsPage(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate" && !prefetch(r)
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html") && !scripted(r)
}

// logFailure writes the one line about a failed request: its reason codes are an
// audit trail. Requests that merely lack a login are not worth attention.
func (a *Auth) logFailure(r *http.Request, f *failure, status int) {
	level := slog.LevelWarn
	switch {
	case status >= 500 && errors.Is(r.Context().Err(), context.Canceled): // whoever asked has left, which is why
		level = slog.LevelDebug
	case status >= 500:
		level = slog.LevelError
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, f.reason == "login_required" && f.provider == nil:
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{slog.String("reason", f.reason), slog.Int("status", status)}
	if f.provider != nil {
		attrs = append(attrs, slog.String("provider", f.provider.Name))
	}
	if f.user != nil {
		attrs = append(attrs, slog.String("provider", f.user.Provider), slog.String("user", f.user.ID))
	}
	if f.err != nil {
		attrs = append(attrs, slog.String("error", f.scrub(f.err.Error())))
	}
	a.logger().LogAttrs(r.Context(), level, "login: request failed", attrs...)
}
