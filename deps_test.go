package login_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/doorlatch/login"

// TestDependencies: what an application takes on with this package. Three foreign
// modules, and x/sync if it is ever needed, are on its list.
func TestDependencies(t *testing.T) {
	allowed := []string{"golang.org/x/oauth2", "github.com/gorilla/sessions", "github.com/gorilla/securecookie", "golang.org/x/sync"}
	var heavy []string
	for _, line := range goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}{{end}}", ".") {
		path, mod, _ := strings.Cut(line, " ")
		if path == module || slices.Contains(allowed, mod) {
			continue
		}
		heavy = append(heavy, path)
	}
	if heavy != nil {
		t.Errorf("the root package imports %q, beyond the standard library and %q", heavy, allowed)
	}
}

// goList works without a network: all that the module needs is there if its
// tests could be compiled.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	c := exec.Command("go", append([]string{"list"}, args...)...)
	c.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "GOWORK=off")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	return strings.FieldsFunc(string(out), func(c rune) bool { return c == '\n' })
}

// libraryDirs are the directories of this module's packages, except for example
// programs: "." and those below.
func libraryDirs(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); path != "." && err == nil {
			return fs.SkipDir // a module of its own
		}
		if name := d.Name(); path != "." && (slices.Contains([]string{"internal", "testdata", "example"}, name) || name[0] == '.' || name[0] == '_') {
			return fs.SkipDir
		}
		if len(parse(t, path)) > 0 {
			dirs = append(dirs, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// parse returns the files of the package in dir by name, without its tests.
func parse(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]*ast.File)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	return files
}

// TestNoGlobals: nothing is shared between two Auths of one program, and nothing
// happens before main, in any package. Errors are the only variables, and embedded
// files, which the language does not let be constants.
func TestNoGlobals(t *testing.T) {
	anError := regexp.MustCompile(`^([eE]rr[A-Z]|_$)`)
	for _, dir := range libraryDirs(t) {
		for name, file := range parse(t, dir) {
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s has an init function", name)
				}
				g, ok := decl.(*ast.GenDecl)
				if !ok || g.Tok != token.VAR {
					continue
				}
				for _, spec := range g.Specs {
					v := spec.(*ast.ValueSpec)
					for _, id := range v.Names {
						if !anError.MatchString(id.Name) && !embedded(g.Doc) && !embedded(v.Doc) {
							t.Errorf("%s: %s is a package variable, and not an error", name, id.Name)
						}
					}
				}
			}
		}
	}
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}
