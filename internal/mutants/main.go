// Mutants removes the checks that people's safety hangs on, one at a time, from
// a copy of the tree, and demands that a test fails each time:
//
//	go run ./internal/mutants        (or make mutants)
//	go run ./internal/mutants nonce  (those whose name holds "nonce")
//
// A mutant that survives is a check without a test.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/doorlatch/login/internal/hostile"
)

func main() {
	filter := strings.Join(os.Args[1:], " ")
	tree, err := os.MkdirTemp("", "mutants-")
	if err == nil {
		defer os.RemoveAll(tree)
		err = os.CopyFS(tree, os.DirFS("."))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if out, err := run(tree, "test", "-count=1", ".", "./generic", switches); err != nil {
		fmt.Fprintln(os.Stderr, "mutants: the tests fail without any:", out)
		os.RemoveAll(tree)
		os.Exit(2)
	}
	tried, alive := 0, 0
	for _, m := range mutants() {
		if !strings.Contains(m.name, filter) {
			continue
		}
		tried++
		if verdict := m.try(tree); verdict != "" {
			alive++
			fmt.Printf("%-32s %s\n", m.name, verdict)
		}
	}
	fmt.Printf("%d mutants, %d dead\n", tried, tried-alive)
	if tried == 0 {
		fmt.Fprintln(os.Stderr, "mutants: none has that in its name")
	}
	if alive > 0 || tried == 0 {
		os.RemoveAll(tree)
		os.Exit(1)
	}
}

// try returns why m counts as alive, "" if all noticed it who should.
func (m mutant) try(tree string) string {
	for _, e := range m.edits {
		file := filepath.Join(tree, e.file)
		source, err := os.ReadFile(file)
		if err != nil {
			return err.Error()
		}
		defer os.WriteFile(file, source, 0o644)
		if bytes.Count(source, []byte(e.with)) != 1 {
			return "is not to be found exactly once: " + e.with
		}
		mutated := bytes.Replace(source, []byte(e.with), []byte(e.without), 1)
		if err := os.WriteFile(file, mutated, 0o644); err != nil {
			return err.Error()
		}
	}
	if out, err := run(tree, "build", ".", "./generic"); err != nil {
		return "does not compile: " + out
	}
	if m.pkg != "" {
		switch out, err := run(tree, "test", "-vet=off", "-count=1", "-failfast", m.pkg); {
		case err == nil:
			return "SURVIVES"
		case !strings.Contains(out, "--- FAIL") && !strings.Contains(out, "panic:"):
			return "no test failed, but: " + out // a machine that is too busy, a test that does not compile
		}
	}
	return m.trySwitches(tree)
}

// switches is the package of the hostile provider.
const switches = "./internal/hostile"

// good is a switch that a login bears whatever checks are taken out.
const good = "claims:_picture_at_the_thief's"

// trySwitches wants every switch that names m to notice.
func (m mutant) trySwitches(tree string) string {
	var names []string
	for _, s := range hostile.Switches() {
		if s.Check == m.name {
			names = append(names, strings.ReplaceAll(s.Name, " ", "_"))
		}
	}
	if len(names) == 0 {
		return ""
	}
	pattern := make([]string, len(names))
	for i, name := range names {
		pattern[i] = regexp.QuoteMeta(name)
	}
	pattern = append(pattern, regexp.QuoteMeta(good))
	out, _ := run(tree, "test", "-vet=off", "-count=1", "-run", "^TestSwitches$/^("+strings.Join(pattern, "|")+")$", switches)
	if strings.Contains(out, "--- FAIL: TestSwitches/"+good+" (") {
		return "no login works without it, so that its switches prove nothing"
	}
	var blind []string
	for _, name := range names {
		if !strings.Contains(out, "--- FAIL: TestSwitches/"+name+" (") {
			blind = append(blind, name)
		}
	}
	if len(blind) == 0 {
		return ""
	}
	return "not noticed by " + strings.Join(blind, "; ")
}

func run(tree string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir = tree
	out, err := c.CombinedOutput()
	return string(out), err
}
