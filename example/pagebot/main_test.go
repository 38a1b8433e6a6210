package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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

// TestServe: with nothing configured the program is a site beside a stand-in, where
// Grace connects one of her pages, and the command posts there, offline. What was
// connected, and the key, outlast the site; the stand-in does not.
func TestServe(t *testing.T) {
	addr := freeAddr(t)
	dir := filepath.Join(t.TempDir(), "data")
	s := &stage{t: t, Server: &httptest.Server{URL: "http://localhost" + addr[strings.LastIndexByte(addr, ':'):]}}
	s.env = map[string]string{"ADDR": addr, "BASE_URL": s.URL, "DATA_DIR": dir}
	ctx, stop := context.WithCancel(t.Context())
	in, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		status := run(ctx, nil, s.getenv, out, &s.log)
		out.Close()
		ended <- status
	}()
	lines := bufio.NewReader(in)
	first, _ := lines.ReadString('\n')
	second, _ := lines.ReadString('\n')
	wantAll(t, first, "stand-in", "invented")
	hint := regexp.MustCompile(`^Open ` + s.URL + `/admin \(user name admin, password (\w{26})\)\n$`).FindStringSubmatch(second)
	if hint == nil {
		t.Fatalf("got %q: %s", second, s.log.String())
	}
	b := s.browser(hint[1])
	resp, dialog := b.post(connectPath, nil)
	wantAll(t, dialog, "Stand-in for Facebook", "Ada Example", "Grace Sample", "Alan Specimen", "pages_manage_posts")
	form := url.Values{"user": {"90000002"}, "decision": {"allow"}}
	for _, p := range permissions() {
		form.Set("allow:"+p, "on")
	}
	_, page := b.post(resp.Request.URL.String(), form)
	wantAll(t, page, "<h1>Choose a page</h1>")
	_, page = b.post("/admin/choose", url.Values{"page": {"200000000000003"}})
	wantAll(t, page, "<h1>Connected to Example Page 200000000000003</h1>", "Grace Sample")
	status, said, complaint := s.command("post", "Football on Saturday")
	if status != 0 {
		t.Errorf("got status %d: %s", status, complaint)
	}
	wantAll(t, said, "Posted to Example Page 200000000000003: Football on Saturday (200000000000003_")
	for _, name := range []string{"key", "stand-in.json"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v, want it to be for this user only", name, info, err)
		}
	}
	stop()
	if status = <-ended; status != 0 {
		t.Errorf("got status %d, %s", status, s.log.String())
	}
	status, _, complaint = s.command("post", "Football on Sunday")
	if status != later {
		t.Errorf("got status %d", status)
	}
	wantAll(t, complaint, "try again later", "no site runs")
}

// TestAddressInUse: the program says what to change, and ends.
func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newStage(t, manager(onePage))
	s.env["ADDR"] = l.Addr().String()
	status, out, complaint := s.command()
	if status != mistake || out != "" {
		t.Errorf("got status %d and %q", status, out)
	}
	wantAll(t, complaint, "ADDR: ")
}

// TestNewStandIn: a stand-in that was started anew knows nobody, as Facebook does
// not know who has left: the page has to be connected again.
func TestNewStandIn(t *testing.T) {
	s := newStage(t, manager(onePage))
	s.browser("sesame").connect()
	fb := logintest.NewFacebook()
	t.Cleanup(fb.Close)
	s.env["FACEBOOK_DIALOG_URL"], s.env["FACEBOOK_GRAPH_URL"] = fb.URL, fb.URL
	status, _, complaint := s.command("post", "Football")
	if status != connectAgain {
		t.Errorf("got status %d", status)
	}
	wantAll(t, complaint, "code 190")
}
