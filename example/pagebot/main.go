// Pagebot is the site of a small club, and a bot that puts the club's events on
// its Facebook page.
//
//	go run ./example/pagebot
//	go run ./example/pagebot post "Football on Saturday"
//
// The first command serves the site on http://localhost:8080. At /admin an
// administrator, who logs in with a password that is printed and not with
// Facebook, connects the page. The second one posts there, at any time, without a
// browser and without the administrator.
//
// Both read these environment variables, and need the same:
//
//	BASE_URL                 where browsers see the site, without a path; default
//	                         http://localhost:8080
//	DATA_DIR                 where the credentials are kept; default ./pagebot-data
//	SESSION_KEY              base64 of 32 random bytes or more, which seals them;
//	                         default: the file "key" in DATA_DIR, made at the first start
//	FACEBOOK_CLIENT_ID       )
//	FACEBOOK_CLIENT_SECRET   ) of an app at Facebook
//	FACEBOOK_DIALOG_URL      )
//	FACEBOOK_GRAPH_URL       ) a stand-in for Facebook
//
// and the site these, too:
//
//	ADDR                     where to listen; default 127.0.0.1:8080
//	ADMIN_PASSWORD           default: a random one
//
// A key beside what it seals protects copies of the credentials' files only, so a
// real site sets SESSION_KEY. Without FACEBOOK_CLIENT_ID the site starts a stand-in
// for Facebook, with invented people and pages; its address is in DATA_DIR for the
// command to find, and what it knows ends with the site.
//
// The command ends with status 0 if the post was made, 1 if the page has to be
// connected (again), 2 if the command or the environment is wrong, 3 if it should
// be tried later, and 4 if Facebook does not want this post.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(ctx context.Context, args []string, getenv func(string) string, out, complaints io.Writer) int {
	var err error
	switch {
	case len(args) == 0:
		err = serve(ctx, getenv, out, complaints)
	case len(args) == 2 && args[0] == "post" && args[1] != "":
		err = post(ctx, getenv, args[1], out)
	default:
		err = errors.New(`usage: pagebot, to serve the site, or pagebot post "Football on Saturday"`)
	}
	if err == nil {
		return 0
	}
	status, sentence := explain(err)
	fmt.Fprintln(complaints, sentence)
	return status
}

// post is the command: it has no request of anybody's at hand.
func post(ctx context.Context, getenv func(string) string, text string, out io.Writer) error {
	c, err := fromEnv(getenv)
	if err != nil {
		return err
	}
	if c.facebook.ClientID == "" {
		if c.facebook, err = c.findStandIn(); err != nil {
			return err
		}
	}
	c.logger = slog.New(slog.DiscardHandler) // the sentence says it
	s, err := newSite(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	page, id, err := s.post(ctx, text)
	if err == nil {
		fmt.Fprintf(out, "Posted to %s: %s (%s)\n", page, text, id)
	}
	return err
}

func serve(ctx context.Context, getenv func(string) string, out, log io.Writer) error {
	c, err := fromEnv(getenv)
	if err != nil {
		return err
	}
	c.logger = slog.New(slog.NewTextHandler(log, nil))
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	defer l.Close()
	if c.facebook.ClientID == "" {
		stop, failed := c.startStandIn()
		if failed != nil {
			return failed
		}
		defer stop()
		fmt.Fprintln(out, "FACEBOOK_CLIENT_ID is not set: a stand-in takes the place of Facebook, with invented people.")
	}
	s, err := newSite(c)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Open %s/admin (user name %s, password %s)\n", c.url, adminName, c.passwordHint())
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, MaxHeaderBytes: 64 << 10}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err = server.Serve(l); errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
