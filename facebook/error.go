package facebook

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/doorlatch/login"
)

// An Error is Facebook's own account of why a request failed, without its words:
// those may repeat what was sent. errors.Is(err, login.ErrProvider) holds.
//
// The codes are explained in "Handle Errors" of the Graph API's documentation.
type Error struct {
	Status    int    // of HTTP
	Type      string // "OAuthException" nearly always; empty if there is none
	Code      int    // 0 if there is none
	Subcode   int    // 0 if there is none
	TraceID   string // fbtrace_id, by which Facebook's support finds the request
	Transient bool   // Facebook expects the same request to work later
}

func (e *Error) Error() string {
	text := fmt.Sprintf("facebook: status %d", e.Status)
	if e.Type != "" {
		text += ", " + e.Type
	}
	if e.Code != 0 {
		text += fmt.Sprintf(", code %d", e.Code)
	}
	if e.Subcode != 0 {
		text += fmt.Sprintf(", subcode %d", e.Subcode)
	}
	if e.TraceID != "" {
		text += ", fbtrace_id " + e.TraceID
	}
	return text
}

// Is reports whether target is login.ErrProvider.
func (e *Error) Is(target error) bool { return target == login.ErrProvider }

// Expired reports whether the token will never work again, because it expired or
// was withdrawn, so that the person has to log in anew. It is false while
// Facebook merely waits for the person to confirm something (subcodes 459 and
// 464).
func (e *Error) Expired() bool {
	return e.Code == 102 || e.Code == 190 && e.Subcode != 459 && e.Subcode != 464
}

// parseError reads a failed answer of the Graph API or of the token endpoint,
// which differs from RFC 6749 section 5.2 in that error is an object. It returns
// nil if there is none.
func parseError(status int, body []byte) *Error {
	var answer struct {
		Error *struct {
			Type      string
			Code      int
			Subcode   int    `json:"error_subcode"`
			TraceID   string `json:"fbtrace_id"`
			Transient bool   `json:"is_transient"`
		}
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error == nil {
		return nil
	}
	e := answer.Error
	return &Error{
		Status: status, Type: plain(e.Type), Code: e.Code, Subcode: e.Subcode,
		TraceID: plain(e.TraceID), Transient: e.Transient,
	}
}

// plain returns s if it is one short word, and nothing otherwise: it goes into
// logs.
func plain(s string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/=-"
	if len(s) > 64 || strings.Trim(s, letters) != "" {
		return ""
	}
	return s
}

// ResponseError returns why the Graph API refused the request that resp answers, for
// requests that an application sends with the client of [login.Auth.ClientFor] or
// [login.Auth.Client]: nil if the status is 2xx; an [*Error] if Facebook explains
// it, after reading 64 KiB of the body at most; and otherwise an error that wraps
// [login.ErrProvider].
func ResponseError(resp *http.Response) error {
	if resp.StatusCode/100 == 2 {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil {
		if e := parseError(resp.StatusCode, body); e != nil {
			return e
		}
	}
	return fmt.Errorf("%w: status %d", login.ErrProvider, resp.StatusCode)
}

func tokenError(status int, body []byte) error {
	if e := parseError(status, body); e != nil {
		return e
	}
	return nil // not a nil *Error, which would be an error
}
