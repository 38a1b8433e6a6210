package login_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
	"github.com/doorlatch/login/generic"
	"github.com/doorlatch/login/github"
	"golang.org/x/oauth2"
)

// TestPrintingShowsNoSecret: no exported type gives a secret away, however it is
// printed (T44). It finds the types by itself. Every field of a type counts as a
// secret unless it is listed here, so that a new field has to be thought about.
//
// Two of fmt's mistakes are beyond reach, because fmt then asks no method of a
// value: %p of something that is no pointer, and %w outside of Errorf. Vet, which
// go test runs, knows both.
func TestPrintingShowsNoSecret(t *testing.T) {
	shown := []struct {
		value  any
		fields string // that may be shown, as a regular expression
	}{
		{login.Config{}, `URL|Providers\.Name`},
		{login.Provider{}, `Name|ClientID`},
		{login.Grant{}, `Provider\.Name|User\.ID|Scopes`},
		{github.Config{}, `ClientID|URL|Organizations`},
		{facebook.Config{}, `ClientID|Version`},
		{facebook.Page{}, `ID|Name|Tasks`},
		{generic.Config{}, `Name|ClientID`},
	}
	harmless := map[string]string{
		"login.Auth":          "has no fields to fill in; see TestPrintingAuth",
		"login.Error":         "is a scrubbed text; TestLoginsShowNoSecret prints those of whole logins",
		"login.User":          "is what the application gets in order to show it",
		"login.Metadata":      "is published by the provider",
		"login.Page":          "is shown",
		"login.Refusal":       "is words for the person at the browser",
		"login.Start":         "is sent to the provider by way of the browser",
		"login.Revocations":   "is an interface; its keys say nothing about who they stand for",
		"login.Once":          "is an interface, of what is sealed",
		"login.TokenStore":    "is an interface, of what is sealed",
		"generic.Fields":      "is names of members of JSON",
		"tokenstore.File":     "holds the name of a directory",
		"tokenstore.SQL":      "holds a database handle, which prints as an address",
		"facebook.Inspection": "holds IDs, scopes and times",
		"facebook.Error":      "is made of codes, without Facebook's words",
	}
	known := make(map[string]bool)
	for _, s := range shown {
		typ := reflect.TypeOf(s.value)
		known[typ.String()] = true
		t.Run(typ.String(), func(t *testing.T) {
			v := reflect.New(typ)
			var f filler
			f.fill(v.Elem(), "", 0)
			may := regexp.MustCompile(`^(` + s.fields + `)$`)
			var secrets []string
			for path, texts := range f.texts {
				if !may.MatchString(path) {
					secrets = append(secrets, texts...)
				}
			}
			if len(secrets) < 2 {
				t.Fatal("nothing was filled in")
			}
			checkPrinting(t, v.Elem().Interface(), secrets)
		})
	}
	for _, dir := range libraryDirs(t) {
		if dir == "logintest" {
			continue // an identity provider for tests; what it knows is invented
		}
		for _, e := range exported(t, dir) {
			name := e.pkg + "." + e.name
			if e.kind == "type" && !known[name] && harmless[name] == "" {
				t.Errorf("%s is new: fill it with secrets and print it, or say here why it holds none", name)
			}
		}
	}
}

// TestPrintingAuth: nor does an Auth, or the context of a request.
func TestPrintingAuth(t *testing.T) {
	f := newFakeProvider(t)
	var during context.Context
	s := newSite(t, login.Config{
		Key:       []byte("KEY-CANARY-0123456789-0123456789"),
		OldKeys:   [][]byte{[]byte("OLD-KEY-CANARY-0123456789-012345")},
		Providers: []login.Provider{f.provider("fake")},
	})
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.auth.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { during = r.Context() })).ServeHTTP(discard{}, r)
		inner.ServeHTTP(w, r)
	})
	newBrowser(t).open(s.URL + "/me")
	if login.UserFrom(during) == nil {
		t.Fatal("nobody is logged in")
	}
	secrets := []string{"SECRET-CANARY", "KEY-CANARY-0123456789-0123456789", "OLD-KEY-CANARY-0123456789-012345", "ACCESS-CANARY", "REFRESH-CANARY"}
	checkPrinting(t, *s.auth, secrets)
	findSecrets(t, printings(during), secrets)
	findSecrets(t, printings(context.WithValue(during, discard{}, 1)), secrets)
	printings((*login.Auth)(nil)) // does not panic
}

type discard struct{}

func (discard) Header() http.Header         { return make(http.Header) }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// A filler writes a text of its own into every string it can reach.
type filler struct {
	texts map[string][]string // by path of the field
	n     int
}

func (f *filler) text(path string) string {
	if f.texts == nil {
		f.texts = make(map[string][]string)
	}
	f.n++
	s := fmt.Sprintf("canary%04dof%s", f.n, strings.ReplaceAll(path, ".", ""))
	f.texts[path] = append(f.texts[path], s)
	return s
}

func (f *filler) fill(v reflect.Value, path string, depth int) {
	if depth > 8 || !v.CanSet() {
		return
	}
	ours := regexp.MustCompile(`^(` + module + `|golang.org/x/oauth2)`)
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text(path))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(f.text(path)))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i), path, depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key, path, depth+1)
		f.fill(value, path, depth+1)
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		if !ours.MatchString(v.Type().Elem().PkgPath()) {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), path, depth+1)
		if t, ok := v.Interface().(*oauth2.Token); ok {
			v.Set(reflect.ValueOf(t.WithExtra(map[string]any{"id_token": f.text(path + ".Extra")})))
		}
	case reflect.Struct:
		if !ours.MatchString(v.Type().PkgPath()) {
			return
		}
		for i := range v.NumField() {
			f.fill(v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), depth+1)
		}
	}
}

// checkPrinting prints v, a pointer to it, and both inside of other values.
func checkPrinting(t *testing.T, v any, secrets []string) {
	t.Helper()
	typ := reflect.TypeOf(v)
	p := reflect.New(typ)
	p.Elem().Set(reflect.ValueOf(v))
	var all []string
	for _, x := range []reflect.Value{reflect.ValueOf(v), p} {
		list := reflect.Append(reflect.MakeSlice(reflect.SliceOf(x.Type()), 0, 1), x)
		table := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(""), x.Type()))
		table.SetMapIndex(reflect.ValueOf("key"), x)
		holder := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "Field", Type: x.Type()}})).Elem()
		holder.Field(0).Set(x)
		for _, y := range []any{x.Interface(), list.Interface(), table.Interface(), holder.Interface(), holder.Addr().Interface(), []any{x.Interface()}} {
			all = append(all, printings(y)...)
		}
	}
	text := fmt.Sprint(v)
	if !strings.HasPrefix(text, typ.String()+"{") || fmt.Sprint(p.Interface()) != text || fmt.Sprintf("%#v", v) != text {
		t.Errorf("got %q, %q and %#v, want one line of %s", text, p.Interface(), v, typ)
	}
	var decoded string
	if b, err := json.Marshal(v); err != nil || json.Unmarshal(b, &decoded) != nil || decoded != text {
		t.Errorf("got the JSON %s, %v, want the text %q", b, err, text)
	}
	if got := slog.AnyValue(v).Resolve(); got.Kind() != slog.KindString || got.String() != text {
		t.Errorf("got the value %v for a log, want the text %q", got, text)
	}
	findSecrets(t, all, secrets)
}

// findSecrets looks for secrets in all, in whatever form.
func findSecrets(t *testing.T, all, secrets []string) {
	t.Helper()
	together := strings.Join(all, "\n")
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			if strings.Contains(together, form) {
				one := all[slices.IndexFunc(all, func(s string) bool { return strings.Contains(s, form) })]
				i := strings.Index(one, form)
				t.Errorf("%s is shown in %q", secret, one[max(0, i-100):min(len(one), i+100)])
				break
			}
		}
	}
}

// formats are all verbs and flags that fmt knows.
func formats() []string {
	all := []string{"too many arguments", "too few: %v %v", "%[9]v", "%*v"}
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, flags := range []string{"", "+", "#", "+#", " ", "# ", "-20", "020", "3.200"} {
			if verb != 'w' && verb != 'p' {
				all = append(all, "%"+flags+string(verb))
			}
		}
	}
	return all
}

// printings returns v in every way in which things get into logs.
func printings(v any) []string {
	all := []string{fmt.Sprint(v), fmt.Sprintln("text", v), fmt.Errorf("text: %v", v).Error()}
	for _, format := range formats() {
		all = append(all, fmt.Sprintf(format, v))
	}
	if reflect.ValueOf(v).Kind() == reflect.Pointer {
		all = append(all, fmt.Sprintf("%p", v))
	}
	for _, indent := range []string{"", " "} {
		if b, err := json.MarshalIndent(v, "", indent); err == nil {
			all = append(all, string(b))
		}
	}
	var b strings.Builder
	log.New(&b, "", 0).Printf("%+v", v)
	log.New(&b, "", 0).Println(v)
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		l := slog.New(h)
		l.Info("text", "key", v)
		l.Info("text", slog.Group("group", "key", v), "list", []any{v})
		l.With("key", v).WithGroup("group").Info("text", slog.Any("key", v))
	}
	return append(all, b.String())
}

// forms are the ways in which a secret can be written.
func forms(secret string) []string {
	raw := []byte(secret)
	all := []string{secret, strconv.Quote(secret), url.QueryEscape(secret), url.PathEscape(secret)}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		all = append(all, enc.EncodeToString(raw), enc.WithPadding(base64.NoPadding).EncodeToString(raw))
	}
	for _, format := range []string{"%x", "%X", "% x", "%#x", "%# x", "%d", "%o", "%O", "%b", "%c", "%q", "%U", "%#v"} {
		all = append(all, strings.Trim(fmt.Sprintf(format, raw), "[]"))
	}
	all = append(all, fmt.Sprintf("% x", secret), strings.Trim(fmt.Sprintf("%#v", raw), "[]byte{}"))
	slices.Sort(all)
	return slices.Compact(all)
}
