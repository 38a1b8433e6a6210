package login_test

import (
	"cmp"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	apiFile = "testdata/api.txt"
	maxAPI  = 40 // names: what one can keep in one's head
)

// standard are methods that a type has for the sake of fmt, errors and others.
// Nobody calls them by name, so they neither count nor need a comment.
var standard = []string{"String", "Format", "LogValue", "MarshalJSON", "Error", "Is", "Unwrap", "ServeHTTP"}

// TestAPI: the exported names of the root package are those in testdata/api.txt,
// so that none comes or goes by accident, and there are few.
func TestAPI(t *testing.T) {
	var names []string
	for _, e := range exported(t, ".") {
		names = append(names, e.kind+" "+e.name)
	}
	slices.Sort(names)
	if len(names) > maxAPI {
		t.Errorf("got %d exported names, want at most %d", len(names), maxAPI)
	}
	got := strings.Join(names, "\n") + "\n"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(apiFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(apiFile)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the exported names are not those of %s; if that is meant, run: UPDATE=1 go test -run API .\ngot:\n%s", apiFile, got)
	}
}

// TestEverythingIsExplained: every package and every exported name has a comment
// that begins as Go's do.
func TestEverythingIsExplained(t *testing.T) {
	for _, dir := range libraryDirs(t) {
		explained := 0
		for name, file := range parse(t, dir) {
			if file.Doc == nil {
				continue
			}
			explained++
			if first := "Package " + file.Name.Name + " "; !strings.HasPrefix(file.Doc.Text(), first) {
				t.Errorf("the comment of %s does not begin with %q", name, first)
			}
		}
		if explained != 1 {
			t.Errorf("%d files of package %s have a package comment, want 1", explained, dir)
		}
		for _, e := range exported(t, dir) {
			_, last, ok := strings.Cut(e.name, ".")
			if !ok {
				last = e.name
			}
			begins := regexp.MustCompile(`^((A|An|The) )?` + last + `\b`)
			switch {
			case e.doc == "":
				t.Errorf("%s: %s %s has no comment", e.file, e.kind, e.name)
			case !e.grouped && !begins.MatchString(e.doc):
				t.Errorf("%s: the comment of %s %s begins with %.20q, want its name", e.file, e.kind, e.name, e.doc)
			}
		}
	}
}

// An export is an exported name on the level of a package, or Type.Method.
type export struct {
	kind, name, doc string
	pkg, file       string
	grouped         bool // explained together with others
}

func exported(t *testing.T, dir string) []export {
	t.Helper()
	var all []export
	for name, file := range parse(t, dir) {
		for _, decl := range file.Decls {
			for _, e := range exportsOf(decl) {
				e.pkg, e.file = file.Name.Name, filepath.ToSlash(name)
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(x, y export) int { return cmp.Compare(x.name, y.name) })
	return all
}

func exportsOf(decl ast.Decl) []export {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		e := export{kind: "func", name: decl.Name.Name, doc: decl.Doc.Text()}
		if !decl.Name.IsExported() {
			return nil
		}
		if decl.Recv != nil {
			on := receiver(decl.Recv.List[0].Type)
			if !ast.IsExported(on) || slices.Contains(standard, e.name) {
				return nil
			}
			e.kind, e.name = "method", on+"."+e.name
		}
		return []export{e}
	case *ast.GenDecl:
		var all []export
		for _, spec := range decl.Specs {
			e := export{kind: decl.Tok.String(), doc: decl.Doc.Text(), grouped: decl.Lparen.IsValid()}
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Doc != nil {
					e.doc = spec.Doc.Text()
				}
				if e.name = spec.Name.Name; spec.Name.IsExported() {
					all = append(all, e)
				}
			case *ast.ValueSpec:
				for _, doc := range []*ast.CommentGroup{spec.Comment, spec.Doc} {
					if doc != nil {
						e.doc = doc.Text()
					}
				}
				for _, id := range spec.Names {
					if e.name = id.Name; id.IsExported() && decl.Tok != token.IMPORT {
						all = append(all, e)
					}
				}
			}
		}
		return all
	}
	return nil
}

// receiver returns the name of the type that a method is on.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
