package facebook

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// A Config and a Page hold a secret, so they print as a line without it: by every
// verb of fmt, by slog and as JSON.

func (c Config) String() string {
	return fmt.Sprintf("facebook.Config{ClientID: %q, Version: %q}", c.ClientID, c.Version)
}

func (c Config) Format(s fmt.State, _ rune)   { fmt.Fprint(s, c.String()) }
func (c Config) LogValue() slog.Value         { return slog.StringValue(c.String()) }
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

func (p Page) String() string {
	return fmt.Sprintf("facebook.Page{ID: %q, Name: %q, Tasks: %q}", p.ID, p.Name, p.Tasks)
}

func (p Page) Format(s fmt.State, _ rune)   { fmt.Fprint(s, p.String()) }
func (p Page) LogValue() slog.Value         { return slog.StringValue(p.String()) }
func (p Page) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }
