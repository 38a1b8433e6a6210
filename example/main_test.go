package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets the test binary be the program, too.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_EXAMPLE") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(t *testing.T, env ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe)
	c.Env = append([]string{"BE_THE_EXAMPLE=1"}, env...)
	return c
}

// TestSignal: the program starts with nothing configured and ends, with status
// 0, when it is told to.
func TestSignal(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		l.Close()
		c := program(t, "ADDR="+addr)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err = c.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		if !strings.HasPrefix(line, "Open http://localhost:") {
			t.Errorf("got the line %q", line)
		}
		resp, err := http.Get("http://" + addr + "/healthz")
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("/healthz: got %v, %v", resp, err)
		} else {
			resp.Body.Close()
		}
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, out)
		if err := c.Wait(); err != nil {
			t.Errorf("%v: got %v, want status 0", signal, err)
		}
	}
}

// TestStatus: mistakes in the environment end the program with status 1, all
// of them named (R75).
func TestStatus(t *testing.T) {
	c := program(t, "GITHUB_CLIENT_ID=id", "SESSION_KEYS=short")
	out, err := c.CombinedOutput()
	if err == nil || c.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want status 1", err)
	}
	for _, want := range []string{"GITHUB_CLIENT_SECRET: ", "SESSION_KEYS: "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("want %q in %s", want, out)
		}
	}
}
