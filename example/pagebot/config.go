package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/logintest"
)

type config struct {
	addr, url, dir string
	key            []byte
	password       string // of the administrator; random if none is set
	random         bool
	facebook       facebook.Config
	logger         *slog.Logger
}

// permissions are what the bot needs. Without the last one Facebook does not allow
// the one before.
func permissions() []string {
	return []string{"pages_show_list", "pages_manage_posts", "pages_read_engagement"}
}

func fromEnv(getenv func(string) string) (config, error) {
	or := func(name, otherwise string) string {
		if v := strings.TrimSpace(getenv(name)); v != "" {
			return v
		}
		return otherwise
	}
	c := config{
		addr: or("ADDR", "127.0.0.1:8080"), url: strings.TrimRight(or("BASE_URL", "http://localhost:8080"), "/"),
		dir: or("DATA_DIR", "pagebot-data"), password: or("ADMIN_PASSWORD", ""),
		facebook: facebook.Config{
			ClientID: or("FACEBOOK_CLIENT_ID", ""), ClientSecret: or("FACEBOOK_CLIENT_SECRET", ""),
			DialogURL: or("FACEBOOK_DIALOG_URL", ""), GraphURL: or("FACEBOOK_GRAPH_URL", ""),
		},
	}
	if c.password == "" {
		c.password, c.random = rand.Text(), true
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return c, fmt.Errorf("DATA_DIR: %w", err)
	}
	text := or("SESSION_KEY", "")
	if text == "" {
		var err error
		if text, err = keyFile(filepath.Join(c.dir, "key")); err != nil {
			return c, fmt.Errorf("DATA_DIR: %w", err)
		}
	}
	var err error
	if c.key, err = base64.StdEncoding.DecodeString(text); err != nil {
		return c, errors.New("SESSION_KEY: want base64, such as openssl rand -base64 32 prints")
	}
	return c, nil
}

// keyFile returns what is in the file, which it makes for this user only, with a
// new key, if it is not there.
func keyFile(path string) (string, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		text, unread := os.ReadFile(path)
		return strings.TrimSpace(string(text)), unread
	}
	if err != nil {
		return "", err
	}
	key := make([]byte, 32)
	rand.Read(key)
	text := base64.StdEncoding.EncodeToString(key)
	_, err = file.WriteString(text + "\n")
	return text, errors.Join(err, file.Close())
}

func (c *config) passwordHint() string {
	if c.random {
		return c.password
	}
	return "as in ADMIN_PASSWORD"
}

func (c *config) provider() login.Provider {
	f := c.facebook
	f.Scopes = append([]string{"public_profile"}, permissions()...)
	f.LongLived = true
	return f.Provider()
}

// startStandIn starts a stand-in for Facebook beside the site, where Ada manages
// one page, Grace two and Alan none, and leaves a note for the command.
func (c *config) startStandIn() (stop func(), err error) {
	fb := logintest.NewFacebook(
		login.User{ID: "90000001", Name: "Ada Example", Extra: map[string]string{"pages": "200000000000001"}},
		login.User{ID: "90000002", Name: "Grace Sample", Extra: map[string]string{"pages": "200000000000002,200000000000003"}},
		login.User{ID: "90000003", Name: "Alan Specimen"},
	)
	fb.Set(func(s *logintest.Facebook) { s.Interactive = true })
	c.facebook = facebook.Config{ClientID: fb.ClientID, ClientSecret: fb.ClientSecret, DialogURL: fb.URL, GraphURL: fb.URL}
	note, err := json.Marshal(standInNote{fb.URL, fb.ClientID, fb.ClientSecret})
	if err == nil {
		err = os.WriteFile(c.standInFile(), note, 0o600)
	}
	if err != nil {
		fb.Close()
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	return func() {
		os.Remove(c.standInFile())
		fb.Close()
	}, nil
}

type standInNote struct{ URL, ClientID, ClientSecret string }

func (c *config) standInFile() string { return filepath.Join(c.dir, "stand-in.json") }

// findStandIn returns the stand-in that the site has started.
func (c *config) findStandIn() (facebook.Config, error) {
	var note standInNote
	b, err := os.ReadFile(c.standInFile())
	if err == nil {
		err = json.Unmarshal(b, &note)
	}
	if err != nil {
		return facebook.Config{}, fmt.Errorf("%w: FACEBOOK_CLIENT_ID is not set, and no site runs with a stand-in", login.ErrProvider)
	}
	return facebook.Config{ClientID: note.ClientID, ClientSecret: note.ClientSecret, DialogURL: note.URL, GraphURL: note.URL}, nil
}
