package interop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// workDir holds what is built for all tests.
var workDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "login-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	workDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// buildExample compiles the example application, once.
var buildExample = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(workDir, "example")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, "./example")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the example does not build: %w\n%s", err, out)
	}
	return file, nil
})

// bounded returns a context that ends with the test, and so long before the
// tests as a whole run out of time that everything can still be stopped.
func bounded(t *testing.T) context.Context {
	end := time.Now().Add(4 * time.Minute)
	if deadline, ok := t.Deadline(); ok && deadline.Add(-15*time.Second).Before(end) {
		end = deadline.Add(-15 * time.Second)
	}
	ctx, cancel := context.WithDeadline(t.Context(), end)
	t.Cleanup(cancel)
	return ctx
}
