package app

import (
	"github.com/doorlatch/login"
	"github.com/doorlatch/login/logintest"
)

// addStandIns adds providers on this machine, at which everybody may log in as
// invented people, to c. The function it returns stops them.
func addStandIns(c *Config) (stop func()) {
	gh, fb, op := logintest.NewGitHub(), logintest.NewFacebook(), logintest.NewServer()
	gh.Set(func(s *logintest.GitHub) { s.Interactive = true })
	fb.Set(func(s *logintest.Facebook) { s.Interactive = true })
	op.Set(func(s *logintest.Server) { s.Interactive = true })
	c.Providers = []login.Provider{gh.Provider(), fb.Provider(), op.Provider()}
	for i, label := range []string{"GitHub", "Facebook", "OpenID Connect"} {
		c.Providers[i].Label = label + " (stand\u2011in)" // a hyphen at which no line ends
	}
	c.Notice = "No provider is configured, so these three are stand-ins on this computer. " +
		"Their accounts are invented, and there is no password."
	return func() {
		gh.Close()
		fb.Close()
		op.Close()
	}
}
