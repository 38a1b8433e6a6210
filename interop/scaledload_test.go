package interop_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// loadScript makes wrk send the cookies of several sessions in turn, and now and then
// the logout of nobody, and count every answer that is not 200 with whom the request
// asked for, or 303 for nobody. The proxy says who that was, because an answer does not
// know its request, and which replicas it tried. The delay, of milliseconds, leaves
// the machine time for the replicas to start.
const loadScript = `
local threads = {}

function setup(thread)
	thread:set("turn", #threads)
	table.insert(threads, thread)
end

function init(args)
	requests, counts, first = {}, {good = 0, failed = 0, retried = 0}, ""
	for line in io.lines(args[1]) do
		local id, cookie = line:match("^(%S+) (.*)$")
		table.insert(requests, wrk.format("GET", "/me?as=" .. id, {Cookie = cookie, Accept = "application/json"}))
	end
	table.insert(requests, wrk.format("POST", "/logout?as=nobody", {Origin = args[2]}))
end

function delay()
	return 2
end

function request()
	turn = turn % #requests + 1
	return requests[turn]
end

function response(status, headers, body)
	local asked, tried = headers["X-Asked"] or "whom?", headers["X-Replica"] or "none"
	local kind = "failed"
	if status == 303 and asked == "nobody" or status == 200 and body:find('"id":"' .. asked .. '"', 1, true) then
		kind = "good"
	elseif first == "" then
		first = status .. " for " .. asked .. " by " .. tried .. ": " .. body:sub(1, 200):gsub("%c", " ")
	end
	counts[kind] = counts[kind] + 1
	if tried:find(",") then
		counts.retried = counts.retried + 1
	end
	local by = "by " .. tried:match("[^ ,]+$")
	counts[by] = (counts[by] or 0) + 1
end

function done(summary, latency, requests)
	for _, thread in ipairs(threads) do
		for what, n in pairs(thread:get("counts")) do
			print("count", what, n)
		end
		print("first", thread:get("first"))
	end
	for what, n in pairs(summary.errors) do
		print("count", "error " .. what, n)
	end
end
`

// A load is wrk at work.
type load struct {
	*process
	cmd *exec.Cmd
}

// startLoad lets wrk ask for these people, until stop is called.
func (s *scaledSite) startLoad(people []*visitor) *load {
	s.t.Helper()
	file, err := exec.LookPath("wrk")
	if err != nil {
		s.t.Fatalf("wrk is missing, install it with\n\tapt-get install wrk\n%v", err)
	}
	dir := s.t.TempDir()
	var list strings.Builder
	for _, v := range people {
		fmt.Fprintf(&list, "%s %s\n", v.user.ID, v.cookieHeader())
	}
	script, sessions := filepath.Join(dir, "load.lua"), filepath.Join(dir, "sessions")
	for name, content := range map[string]string{script: loadScript, sessions: list.String()} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	l := &load{process: &process{name: "wrk", ended: make(chan struct{})}}
	l.cmd = exec.Command(file, "-t2", "-c12", "-d10m", "--timeout", "10s", "-s", script, "http://"+s.front, "--", sessions, s.url)
	l.cmd.Stdout, l.cmd.Stderr = l, l
	dieWithParent(l.cmd)
	if err := l.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(l.ended)
		l.cmd.Wait()
	}()
	s.t.Cleanup(func() {
		select {
		case <-l.ended:
		default:
			c := l.stop(s.t)
			s.t.Logf("until then %d requests, of which %d failed, the first: %s", c.good+c.failed, c.failed, c.first)
		}
	})
	return l
}

// A loadCount is what has become of the requests of a load.
type loadCount struct {
	good, failed, retried int
	errors                int // of connections
	by                    map[string]int
	first                 string // that failed
}

func (l *load) stop(t *testing.T) loadCount {
	t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatalf("wrk: %v\n%s", err, l.text())
	}
	select {
	case <-l.ended:
	case <-time.After(patience):
		t.Fatalf("wrk does not end:\n%s", l.text())
	}
	c := loadCount{by: make(map[string]int)}
	for line := range strings.Lines(l.text()) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if kind == "first" && c.first == "" {
			c.first = rest
		}
		if kind != "count" {
			continue
		}
		what, number, _ := strings.Cut(rest, "\t")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		c.add(what, n)
	}
	if c.good+c.failed == 0 {
		t.Fatalf("wrk has counted nothing:\n%s", l.text())
	}
	return c
}

func (c *loadCount) add(what string, n int) {
	replica, isReplica := strings.CutPrefix(what, "by ")
	switch {
	case isReplica:
		c.by[replica] += n
	case what == "good":
		c.good += n
	case what == "failed":
		c.failed += n
	case what == "retried":
		c.retried += n
	case what == "error status": // has failed already
	default:
		c.errors += n
	}
}
