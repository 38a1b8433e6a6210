package tokenstore_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/internal/tokenstoretest"
	"github.com/doorlatch/login/tokenstore"
)

func newFile(t *testing.T, dir string) *tokenstore.File {
	t.Helper()
	f, err := tokenstore.NewFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func save(t *testing.T, f *tokenstore.File, key, old, value string) {
	t.Helper()
	before := []byte(old)
	if old == "" {
		before = nil
	}
	if saved, err := f.Save(t.Context(), key, before, []byte(value)); !saved || err != nil {
		t.Fatalf("save %q over %q: got %v, %v", value, old, saved, err)
	}
}

func TestFile(t *testing.T) {
	tokenstoretest.Run(t, func(t *testing.T) func() login.TokenStore {
		dir := filepath.Join(t.TempDir(), "tokens")
		return func() login.TokenStore { return newFile(t, dir) }
	})
}

// Nobody else on the machine can read what is kept, or who it belongs to, in a
// directory of ours or in one that was too open.
func TestFilePermissions(t *testing.T) {
	parent := t.TempDir()
	open := filepath.Join(parent, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]fs.FileMode{filepath.Join(parent, "new", "tokens"): 0o700, open: 0o777} {
		f := newFile(t, dir)
		save(t, f, "ada@example.com", "", "value")
		save(t, f, "ada@example.com", "value", "other value")
		if info, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != want {
			t.Errorf("got mode %v, %v, want %v", info.Mode(), err, want)
		}
		files := namesIn(t, dir)
		if n := len(withoutLocks(files)); n != 1 {
			t.Errorf("got %q, want one value", files)
		}
		for _, name := range files {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("%s: got mode %v, %v, want 600", name, info.Mode(), err)
			}
			if strings.Contains(name, "ada") {
				t.Errorf("%s holds the key", name)
			}
		}
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func withoutLocks(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.HasSuffix(name, ".lock") })
}

// Keys that somebody asks for, and under which nothing is kept, do not fill the
// directory, and a deletion leaves nothing of the value.
func TestFileLeavesLittle(t *testing.T) {
	dir := t.TempDir()
	f := newFile(t, dir)
	for i := range 2000 {
		key := strings.Repeat("k", i)
		tokenstoretest.Wants(t, f, key, nil)
		if i%100 == 0 {
			save(t, f, key, "", "value")
			if err := f.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	names := namesIn(t, dir)
	if len(names) > 256 {
		t.Errorf("got %d files, want at most 256", len(names))
	}
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() != 0 {
			t.Errorf("%s: got %v, %v, want it empty", name, info, err)
		}
	}
}

// What a crash or a stranger has left beside a value is no value, is in nobody's
// way, and does not outlast the next Save or Delete.
func TestFileLeftOver(t *testing.T) {
	for _, state := range []string{"", "value"} { // kept when the process crashed
		f := newFile(t, t.TempDir())
		value, leftOver := f.FileOf("page"), f.FileOf("page")+".new"
		if state != "" {
			save(t, f, "page", "", state)
		}
		leave := func() {
			if err := os.WriteFile(leftOver, []byte("half of a va"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		leave()
		tokenstoretest.Wants(t, newFile(t, filepath.Dir(value)), "page", map[string][]byte{"value": []byte("value")}[state])
		save(t, f, "page", state, "next")
		tokenstoretest.Wants(t, f, "page", []byte("next"))
		if _, err := os.Stat(leftOver); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after Save: got %v, want it gone", err)
		}
		if info, err := os.Stat(value); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("got mode %v, %v, want 600", info.Mode(), err)
		}
		leave()
		if err := f.Delete(t.Context(), "page"); err != nil {
			t.Fatal(err)
		}
		if left := withoutLocks(namesIn(t, filepath.Dir(value))); len(left) != 0 {
			t.Errorf("after Delete: got %q, want nothing", left)
		}
	}
}

// In a directory that is too open, somebody may have put a link where the next value
// will be written.
func TestFileLink(t *testing.T) {
	dir := t.TempDir()
	f, target := newFile(t, dir), filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(target, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, f.FileOf("page")+".new"); err != nil {
		t.Fatal(err)
	}
	save(t, f, "page", "", "value")
	if got, err := os.ReadFile(target); string(got) != "precious" || err != nil {
		t.Errorf("got %q, %v in a file of somebody else", got, err)
	}
}

// When the disk fails, the error says so without the value, and nothing is lost.
func TestFileFails(t *testing.T) {
	const secret = "canary-value"
	dir := t.TempDir()
	f := newFile(t, dir)
	save(t, f, "page", "", "value")
	inTheWay := filepath.Join(f.FileOf("page")+".new", "directory")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	saved, err := f.Save(t.Context(), "page", []byte("value"), []byte(secret))
	if saved || err == nil || !strings.HasPrefix(err.Error(), "tokenstore: save: ") || strings.Contains(err.Error(), secret) {
		t.Errorf("save: got %v, %v", saved, err)
	}
	tokenstoretest.Wants(t, f, "page", []byte("value"))

	// A file that is not ours is an error, and not a token nor the lack of one.
	for _, content := range []string{"", strings.Repeat("x", 2<<20+1)} {
		if err := os.WriteFile(f.FileOf("other"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Load(t.Context(), "other"); err == nil || errors.Is(err, login.ErrNoToken) || !strings.HasPrefix(err.Error(), "tokenstore: load: ") {
			t.Errorf("load: got %v", err)
		}
		if saved, err := f.Save(t.Context(), "other", nil, []byte("value")); saved || err == nil {
			t.Errorf("save: got %v, %v", saved, err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load(t.Context(), "page"); err == nil || errors.Is(err, login.ErrNoToken) {
		t.Errorf("load without the directory: got %v", err)
	}
	if err := f.Delete(t.Context(), "page"); err == nil || !strings.HasPrefix(err.Error(), "tokenstore: delete: ") {
		t.Errorf("delete without the directory: got %v", err)
	}
}

func TestNewFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, filepath.Join(file, "below")} {
		if f, err := tokenstore.NewFile(dir); f != nil || err == nil || !strings.HasPrefix(err.Error(), "tokenstore: ") {
			t.Errorf("%q: got %v, %v, want an error", dir, f, err)
		}
	}

	t.Chdir(t.TempDir()) // a relative directory stays where it was
	f := newFile(t, "tokens")
	t.Chdir(t.TempDir())
	save(t, f, "page", "", "value")
}

// Waiting for somebody who holds the lock ends with the context.
func TestFileLocked(t *testing.T) {
	dir := t.TempDir()
	f := newFile(t, dir)
	save(t, f, "page", "", "value")
	unlock, err := f.Lock(t.Context(), "page")
	if err != nil {
		t.Fatal(err)
	}
	other := newFile(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := other.Load(ctx, "page"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("load: got %v, want %v", err, context.DeadlineExceeded)
	}
	if saved, err := other.Save(ctx, "page", []byte("value"), []byte("other")); saved || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("save: got %v, %v, want %v", saved, err, context.DeadlineExceeded)
	}
	unlock()
	tokenstoretest.Wants(t, other, "page", []byte("value"))
}
