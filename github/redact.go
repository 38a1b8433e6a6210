package github

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// A Config holds a secret, so it prints as a line without it: by every verb of
// fmt, by slog and as JSON.

func (c Config) String() string {
	return fmt.Sprintf("github.Config{ClientID: %q, URL: %q, Organizations: %q}", c.ClientID, c.URL, c.Organizations)
}

func (c Config) Format(s fmt.State, _ rune)   { fmt.Fprint(s, c.String()) }
func (c Config) LogValue() slog.Value         { return slog.StringValue(c.String()) }
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }
