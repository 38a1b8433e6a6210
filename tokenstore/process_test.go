package tokenstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/doorlatch/login/internal/tokenstoretest"
	"github.com/doorlatch/login/tokenstore"
)

const (
	childEnv   = "TOKENSTORE_TEST_CHILD" // what this program does as a child
	childDir   = "TOKENSTORE_TEST_DIR"
	increments = 25
)

func TestMain(m *testing.M) {
	role := os.Getenv(childEnv)
	if role == "" {
		os.Exit(m.Run())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := child(ctx, role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child increments the number under page, and prints each that is saved, or takes
// the lock and keeps it.
func child(ctx context.Context, role string) error {
	f, err := tokenstore.NewFile(os.Getenv(childDir))
	if err != nil {
		return err
	}
	say := func(n int) { fmt.Println(n) }
	switch role {
	case "count":
		return tokenstoretest.Increment(ctx, f, "page", increments, say)
	case "count on":
		return tokenstoretest.Increment(ctx, f, "page", 1<<30, say)
	}
	if _, err := f.Lock(ctx, "page"); err != nil {
		return err
	}
	say(0)
	<-ctx.Done()
	return errors.New("nobody ended this process")
}

// A process is this program once more.
type process struct {
	*exec.Cmd
	out *bufio.Scanner
}

func startChild(t *testing.T, dir, role string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+role, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &process{cmd, bufio.NewScanner(out)}
}

// next returns the next number that p prints, if there is one.
func (p *process) next() (n int, ok bool) {
	if !p.out.Scan() {
		return 0, false
	}
	n, err := strconv.Atoi(p.out.Text())
	return n, err == nil
}

// kill ends p at once, wherever it is, and returns the last number that it printed,
// or last.
func (p *process) kill(t *testing.T, last int) int {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for n, ok := p.next(); ok; n, ok = p.next() {
		last = n
	}
	p.Wait()
	return last
}

// number is what is kept under page; a lock that a process left when it was killed
// would show here.
func number(t *testing.T, f *tokenstore.File) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	value, err := f.Load(ctx, "page")
	if err != nil {
		t.Fatal(err)
	}
	n, err := tokenstoretest.Number(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Compare and set holds across processes: no increment is lost, no number is saved
// twice.
func TestFileProcesses(t *testing.T) {
	const processes = 3
	dir := t.TempDir()
	var children []*process
	for range processes {
		children = append(children, startChild(t, dir, "count"))
	}
	seen := make(map[int]bool)
	for _, p := range children {
		for n, ok := p.next(); ok; n, ok = p.next() {
			if seen[n] {
				t.Errorf("%d was saved twice", n)
			}
			seen[n] = true
		}
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
	if n := number(t, newFile(t, dir)); n != processes*increments || len(seen) != n {
		t.Errorf("got %d, of %d increments", n, len(seen))
	}
}

// A process that is killed loses nothing that it has saved, leaves no half of what it
// was about to save, and nothing that the next one would have to wait for.
func TestFileKilled(t *testing.T) {
	const rounds = 20
	dir := t.TempDir()
	f := newFile(t, dir)
	last := 0
	for round := range rounds {
		p := startChild(t, dir, "count on")
		for range 1 + round%4 {
			n, ok := p.next()
			if !ok {
				t.Fatal("the process ended by itself")
			}
			last = n
		}
		last = p.kill(t, last)
		n := number(t, f)
		if n != last && n != last+1 { // killed before it could say so
			t.Fatalf("got %d, want the %d that was saved, or one more", n, last)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := tokenstoretest.Increment(ctx, f, "page", 1, func(n int) { last = n }); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
}

// A lock ends with the process that holds it.
func TestFileKilledWithLock(t *testing.T) {
	dir := t.TempDir()
	f := newFile(t, dir)
	save(t, f, "page", "", "value")
	p := startChild(t, dir, "lock")
	if _, ok := p.next(); !ok {
		t.Fatal("the process ended by itself")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := f.Load(ctx, "page"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another process holds the lock: got %v, want %v", err, context.DeadlineExceeded)
	}
	p.kill(t, 0)
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if saved, err := f.Save(ctx, "page", []byte("value"), []byte("other")); !saved || err != nil {
		t.Errorf("got %v, %v, want it saved", saved, err)
	}
}
