package facebook_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/logintest"
)

// Against a Facebook that keeps state and has "Require App Secret" on: permissions
// declined, asked for again, and withdrawn (R53, R54, R56, R61, R87). It finds no
// fault with what it is asked.
func TestStandIn(t *testing.T) {
	fb := logintest.NewFacebook(login.User{
		ID: "1000000000000017", Name: "Grace Example", Email: "grace@example.test",
		Extra: map[string]string{"declined": "email"},
	})
	defer fb.Close()
	fb.Set(func(fb *logintest.Facebook) { fb.RequireProof = true })
	c := facebook.Config{ClientID: fb.ClientID, ClientSecret: fb.ClientSecret, DialogURL: fb.URL, GraphURL: fb.URL, LongLived: true}

	got := logIn(t, c.Provider())
	if got.err != nil {
		t.Fatal(got.err)
	}
	if u := got.user; u.ID != "1000000000000017" || u.Name != "Grace Example" || u.Email != "" || u.UnverifiedEmail != "" {
		t.Errorf("got %+v, want Grace without an address", *u)
	}
	if !slices.Equal(got.grant.Declined, []string{"email"}) {
		t.Errorf("got declined %q, want email", got.grant.Declined)
	}
	if left := time.Until(got.grant.Token.Expiry); left < 59*24*time.Hour {
		t.Errorf("got a token for %v, want about 60 days", left)
	}

	c.Rerequest = true
	got = logIn(t, c.Provider())
	if got.err != nil {
		t.Fatal(got.err)
	}
	if got.user.UnverifiedEmail != "grace@example.test" || len(got.grant.Declined) > 0 {
		t.Errorf("got %+v, declined %q, want the address", *got.user, got.grant.Declined)
	}

	p := got.grant.Provider
	if err := p.Revoke(t.Context(), got.grant); err != nil {
		t.Error(err)
	}
	if problems := fb.Problems(); len(problems) > 0 {
		t.Errorf("got the problems %q, want none", problems)
	}
	_, err := p.Identify(t.Context(), got.grant)
	if e, ok := errors.AsType[*facebook.Error](err); !ok && !errors.Is(err, login.ErrProvider) || ok && !e.Expired() {
		t.Errorf("got %v from a token that was withdrawn, want an expired *Error", err)
	}
	if err := p.Revoke(t.Context(), got.grant); err != nil {
		t.Errorf("got %v for a token that was withdrawn, want nil", err)
	}
}
