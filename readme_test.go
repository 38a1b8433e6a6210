package login_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The first block of the README is a program that compiles.
func TestQuickstart(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "README.md"), "```go\n")
	block, _, ok := strings.Cut(rest, "```\n")
	if program := read(t, "example/quickstart/main.go"); !ok || block != program {
		t.Errorf("the README's first block is not example/quickstart/main.go:\n%s", block)
	}
}

// Every reason code that the log may hold is explained in the README.
func TestReasonsExplained(t *testing.T) {
	readme := read(t, "README.md")
	reason := regexp.MustCompile(`(?:reason(?:, status)?(?:: +| = |", )|fail\(\w+, |f\.reason = \w+, |asRefusal\(.*, )"([a-z_]+)"`)
	found := 0
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range reason.FindAllStringSubmatch(read(t, file), -1) {
			found++
			if !strings.Contains(readme, "`"+m[1]+"`") {
				t.Errorf("%s: reason %q is not in the README", file, m[1])
			}
		}
	}
	if found < 35 {
		t.Errorf("found %d reasons only", found)
	}
}

// The tests that SECURITY.md names are there.
func TestThreatsHaveTests(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			sources.WriteString(read(t, file))
		}
	}
	names := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(read(t, "SECURITY.md"), -1)
	for _, name := range names {
		if !strings.Contains(sources.String(), "func "+name+"(") {
			t.Errorf("%s is no test", name)
		}
	}
	if len(names) < 50 {
		t.Errorf("found %d tests only", len(names))
	}
}
