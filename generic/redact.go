package generic

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// A Config prints without its secret, by every verb of fmt, by slog and as JSON.

func (c Config) summary() string {
	return fmt.Sprintf("generic.Config{Name: %q, ClientID: %q}", c.Name, c.ClientID)
}

// String returns the name and the client ID.
func (c Config) String() string { return c.summary() }

// Format writes what String returns, whatever the verb.
func (c Config) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.summary()) }

// LogValue returns what String returns.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.summary()) }

// MarshalJSON returns what String returns as a JSON string.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.summary()) }
