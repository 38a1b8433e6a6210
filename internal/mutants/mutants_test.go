package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/doorlatch/login/internal/hostile"
)

// TestMutantsFit wants every check to be found in the source, so that a change
// there shows here at once, and not only when all mutants are tried.
func TestMutantsFit(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range mutants() {
		if seen[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		seen[m.name] = true
		for _, e := range m.edits {
			source, err := os.ReadFile(filepath.Join("../..", e.file))
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(source, []byte(e.with)); n != 1 {
				t.Errorf("%s: %s has %d times %q, want one", m.name, e.file, n, e.with)
			}
		}
	}
}

// TestChecksNamed wants a mutant for every check that a switch names, and a switch
// or a package whose tests notice for every mutant.
func TestChecksNamed(t *testing.T) {
	named := map[string]bool{}
	for _, s := range hostile.Switches() {
		named[s.Check] = true
	}
	known := map[string]bool{"": true}
	for _, m := range mutants() {
		known[m.name] = true
		if m.pkg == "" && !named[m.name] {
			t.Errorf("nobody would notice %q", m.name)
		}
	}
	for check := range named {
		if !known[check] {
			t.Errorf("there is no mutant %q", check)
		}
	}
}
