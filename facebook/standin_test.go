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
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	if u := got.User; u.ID != "1000000000000017" || u.Name != "Grace Example" || u.Email != "" || u.UnverifiedEmail != "" {
		t.Errorf("got %+v, want Grace without an address", *u)
	}
	if !slices.Equal(got.Grant.Declined, []string{"email"}) {
		t.Errorf("got declined %q, want email", got.Grant.Declined)
	}
	if left := time.Until(got.Grant.Token.Expiry); left < 59*24*time.Hour {
		t.Errorf("got a token for %v, want about 60 days", left)
	}

	c.Rerequest = true
	got = logIn(t, c.Provider())
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	if got.User.UnverifiedEmail != "grace@example.test" || len(got.Grant.Declined) > 0 {
		t.Errorf("got %+v, declined %q, want the address", *got.User, got.Grant.Declined)
	}

	p := got.Grant.Provider
	if err := p.Revoke(t.Context(), got.Grant); err != nil {
		t.Error(err)
	}
	if problems := fb.Problems(); len(problems) > 0 {
		t.Errorf("got the problems %q, want none", problems)
	}
	_, err := p.Identify(t.Context(), got.Grant)
	if e, ok := errors.AsType[*facebook.Error](err); !ok && !errors.Is(err, login.ErrProvider) || ok && !e.Expired() {
		t.Errorf("got %v from a token that was withdrawn, want an expired *Error", err)
	}
	if err := p.Revoke(t.Context(), got.Grant); err != nil {
		t.Errorf("got %v for a token that was withdrawn, want nil", err)
	}
}
