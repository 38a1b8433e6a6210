// Command wrk measures whole servers: a handler alone, behind this module's
// middleware, behind gothic and behind gorilla's sessions, each in a process of its
// own on a free loopback port. It needs wrk (https://github.com/wg/wrk), and prints
// lines that benchstat reads.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/doorlatch/login/bench"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("wrk: ")
	serving := flag.String("serve", "", "be the server of that name, until standard input ends")
	rounds := flag.Int("count", 10, "how often each server is measured, in turn")
	each := flag.Duration("time", 2*time.Second, "how long each time")
	flag.Parse()
	if *serving != "" {
		if err := serve(*serving); err != nil {
			log.Fatal(err)
		}
		return
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		log.Print("not installed; no server is measured")
		return
	}
	if err := measure(*rounds, *each); err != nil {
		log.Fatal(err)
	}
}

// measure asks every server in each round, so that what else the machine does
// falls on all of them.
func measure(rounds int, each time.Duration) (err error) {
	var servers []*server
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, name := range bench.ServerNames() {
		s, err := start(name)
		if s != nil {
			servers = append(servers, s)
		}
		if err != nil {
			return err
		}
	}
	for range rounds {
		for _, s := range servers {
			if err := s.measure(each); err != nil {
				return err
			}
		}
	}
	return nil
}

// A ready server says where it is, and which cookies it takes for a session.
type ready struct{ URL, Cookie string }

type server struct {
	ready
	name    string
	process *exec.Cmd
	input   io.Closer
}

func start(name string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{name: name, process: exec.Command(self, "-serve", name)}
	s.process.Stderr = os.Stderr
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.input, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	if err = s.process.Start(); err != nil {
		return nil, err
	}
	if err = json.NewDecoder(out).Decode(&s.ready); err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, s.stop()))
	}
	return s, s.check()
}

// check that the cookie is what lets people in.
func (s *server) check() error {
	for _, cookie := range []string{"", s.Cookie} {
		r, err := http.NewRequest(http.MethodGet, s.URL, nil)
		if err != nil {
			return err
		}
		r.Header.Set("Cookie", cookie)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		res.Body.Close()
		want := http.StatusOK
		if cookie == "" && !bench.ServesAnybody(s.name) {
			want = http.StatusUnauthorized
		}
		if res.StatusCode != want {
			return fmt.Errorf("%s: got status %d with %d bytes of cookies, want %d", s.name, res.StatusCode, len(cookie), want)
		}
	}
	return nil
}

func (s *server) stop() error {
	s.input.Close()
	timer := time.AfterFunc(5*time.Second, func() { s.process.Process.Kill() })
	defer timer.Stop()
	return s.process.Wait()
}

var (
	perSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	total     = regexp.MustCompile(`([0-9]+) requests in`)
	failed    = regexp.MustCompile(`Non-2xx|Socket errors`)
)

func (s *server) measure(each time.Duration) error {
	before, err := s.cpuTime()
	if err != nil {
		return err
	}
	seconds := strconv.Itoa(max(1, int(each.Seconds()))) + "s"
	out, err := exec.Command("wrk", "-t1", "-c32", "-d"+seconds, "-H", "Cookie: "+s.Cookie, s.URL).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", s.name, err, out)
	}
	rate, n := perSecond.FindSubmatch(out), total.FindSubmatch(out)
	if rate == nil || n == nil || failed.Match(out) {
		return fmt.Errorf("%s: want only good answers, have %s", s.name, out)
	}
	f, err := strconv.ParseFloat(string(rate[1]), 64)
	if err != nil {
		return err
	}
	requests, err := strconv.Atoi(string(n[1]))
	if err != nil {
		return err
	}
	after, err := s.cpuTime()
	if err != nil {
		return err
	}
	fmt.Printf("BenchmarkServer/%s-%d\t%d\t%.1f ns/op\t%.1f cpu-ns/op\t%.0f req/s\n",
		s.name, runtime.GOMAXPROCS(0), requests, 1e9/f, float64(after-before)/float64(requests), f)
	return nil
}

// cpuTime is what the server has used so far, in nanoseconds.
func (s *server) cpuTime() (int64, error) {
	res, err := http.Get(strings.TrimSuffix(s.URL, pagePath) + cpuPath)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var n int64
	err = json.NewDecoder(res.Body).Decode(&n)
	return n, err
}

const pagePath, cpuPath = "/page", "/cpu"

// serve answers on a free port until standard input ends, which it does when whoever
// started this process is gone.
func serve(name string) error {
	h, cookie, err := bench.Server(name)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready{"http://" + l.Addr().String() + pagePath, cookie}); err != nil {
		return err
	}
	srv := &http.Server{Handler: withCPUTime(h), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		srv.Close()
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func withCPUTime(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == cpuPath {
			fmt.Fprint(w, bench.CPUTime().Nanoseconds())
			return
		}
		h.ServeHTTP(w, r)
	})
}
