package login

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Types that hold secrets print as a line without them: by every verb of fmt, by
// slog and as JSON. So a forgotten log.Printf("%+v", config) costs nothing.

func (c Config) summary() string {
	names := make([]string, len(c.Providers))
	for i, p := range c.Providers {
		names[i] = p.Name
	}
	return fmt.Sprintf("login.Config{URL: %q, Providers: %q}", c.URL, names)
}

func (c Config) String() string               { return c.summary() }
func (c Config) Format(s fmt.State, _ rune)   { fmt.Fprint(s, c.summary()) }
func (c Config) LogValue() slog.Value         { return slog.StringValue(c.summary()) }
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.summary()) }

func (p Provider) summary() string {
	return fmt.Sprintf("login.Provider{Name: %q, ClientID: %q}", p.Name, p.ClientID)
}

func (p Provider) String() string               { return p.summary() }
func (p Provider) Format(s fmt.State, _ rune)   { fmt.Fprint(s, p.summary()) }
func (p Provider) LogValue() slog.Value         { return slog.StringValue(p.summary()) }
func (p Provider) MarshalJSON() ([]byte, error) { return json.Marshal(p.summary()) }

func (g Grant) summary() string {
	id := ""
	if g.User != nil {
		id = g.User.ID
	}
	return fmt.Sprintf("login.Grant{Provider: %q, User: %q, Scopes: %q}", g.Provider.Name, id, g.Scopes)
}

func (g Grant) String() string               { return g.summary() }
func (g Grant) Format(s fmt.State, _ rune)   { fmt.Fprint(s, g.summary()) }
func (g Grant) LogValue() slog.Value         { return slog.StringValue(g.summary()) }
func (g Grant) MarshalJSON() ([]byte, error) { return json.Marshal(g.summary()) }

func (a Auth) summary() string { return fmt.Sprintf("login.Auth{URL: %q}", a.config.URL) }

func (a Auth) String() string               { return a.summary() }
func (a Auth) Format(s fmt.State, _ rune)   { fmt.Fprint(s, a.summary()) }
func (a Auth) LogValue() slog.Value         { return slog.StringValue(a.summary()) }
func (a Auth) MarshalJSON() ([]byte, error) { return json.Marshal(a.summary()) }

// What an Error wraps may quote what its text does not.
func (e Error) Format(s fmt.State, _ rune) { fmt.Fprint(s, e.text) }

// A failure knows the secrets that its text must not show.
func (f *failure) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.Error()) }

// A visitor is found in printed requests and contexts, and leads to an Auth.
func (v *visitor) String() string             { return "login.visitor" }
func (v *visitor) Format(s fmt.State, _ rune) { fmt.Fprint(s, v.String()) }
