package app_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/doorlatch/login/example/app"
	"github.com/doorlatch/login/logintest"
)

// freeAddr is one that nobody listens on at this moment.
func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// running is app.Run in the background.
type running struct {
	line string // what it says at first
	log  bytes.Buffer
	stop context.CancelFunc
	done chan error
}

func run(t *testing.T, env vars) *running {
	t.Helper()
	c, err := app.FromEnv(env.get)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := &running{stop: stop, done: make(chan error, 1)}
	c.Logger = slog.New(slog.NewTextHandler(&r.log, nil))
	in, out := io.Pipe()
	go func() {
		err := app.Run(ctx, c, out)
		out.Close()
		r.done <- err
	}()
	r.line, _ = bufio.NewReader(in).ReadString('\n')
	return r
}

// TestRun: with nothing configured, all three buttons lead to a login, offline.
// The program says where it is, that its accounts are invented and what a random
// key means, and it ends when it is told to.
func TestRun(t *testing.T) {
	addr := freeAddr(t)
	r := run(t, vars{"ADDR": addr})
	base := "http://localhost" + addr[strings.LastIndexByte(addr, ':'):]
	wantAll(t, r.line, "Open "+base+" (", "invented accounts")
	b := newBrowser(t)
	_, home := b.get(base, html)
	wantAll(t, home, "stand-ins", "invented")
	links := regexp.MustCompile(`href="(/login/[^"]+)"`).FindAllStringSubmatch(home, -1)
	if len(links) != 3 {
		t.Errorf("got %d buttons, want 3", len(links))
	}
	for _, link := range links {
		resp, page := b.get(base+link[1], html)
		form := regexp.MustCompile(`<form method="post" action="([^"]+)">`).FindStringSubmatch(page)
		if resp.StatusCode != 200 || form == nil || resp.Request.URL.Host == strings.TrimPrefix(base, "http://") {
			t.Errorf("%s: got %d at %s, want the page of a stand-in: %s", link[1], resp.StatusCode, resp.Request.URL.Host, page)
		}
		wantAll(t, page, "Ada Example", ">Allow</button>", ">Refuse</button>")
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("got %v, want no error", err)
	}
	wantAll(t, r.log.String(), "SESSION_KEYS is not set")
}

// TestRunConfigured: with a provider configured there are no stand-ins, and with
// a key no warning.
func TestRunConfigured(t *testing.T) {
	gh := logintest.NewGitHub()
	defer gh.Close()
	env := fromGitHub(gh)
	env["ADDR"], env["SESSION_KEYS"] = freeAddr(t), oneKey
	r := run(t, env)
	wantAll(t, r.line, "Open http://localhost:")
	wantNone(t, r.line, "invented")
	_, home := newBrowser(t).get(strings.TrimSpace(strings.TrimPrefix(r.line, "Open ")), html)
	wantAll(t, home, "Continue with GitHub<")
	wantNone(t, home, "stand-in", "Facebook<")
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("got %v, want no error", err)
	}
	if r.log.Len() > 0 {
		t.Errorf("got the log %s, want none", r.log.String())
	}
}

// TestAddressInUse: the message says which variable to change.
func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := run(t, vars{"ADDR": l.Addr().String()})
	if err = <-r.done; err == nil {
		t.Fatal("got no error")
	}
	wantAll(t, err.Error(), "ADDR: another program listens on "+l.Addr().String())
}

// TestNewRefuses reports what login.New finds, such as a key given twice.
func TestNewRefuses(t *testing.T) {
	c, err := app.FromEnv(vars{"SESSION_KEYS": oneKey + "," + oneKey}.get)
	if err != nil {
		t.Fatal(err)
	}
	c.Logger = slog.New(slog.DiscardHandler)
	_, err = app.New(c)
	if err == nil {
		t.Fatal("got no error")
	}
	wantAll(t, err.Error(), "OldKeys[0]", "Providers")
}
