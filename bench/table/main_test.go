package main

import (
	"bytes"
	"strings"
	"testing"
)

const output = `goos: linux
cpu: Some Processor
BenchmarkCallback/login-2   	 100	 200.0 ns/op	 10 B/op	 1 allocs/op
BenchmarkCallback/gothic-2  	 100	 1100 ns/op	 10 B/op	 1 allocs/op
BenchmarkCallback/login-2   	 100	 100.0 ns/op	 10 B/op	 1 allocs/op
BenchmarkCallback/login-2   	 100	 9000 ns/op	 10 B/op	 1 allocs/op
BenchmarkAnonymous/bare/foreign-2 	 100	 10 ns/op	 0 B/op	 0 allocs/op
BenchmarkAnonymous/login/foreign-2 	 100	 80 ns/op	 0 B/op	 0 allocs/op
BenchmarkServer/bare/github-2	5000	10000.0 ns/op	800.0 cpu-ns/op	100000 req/s
BenchmarkServer/login/github-2	5000	10500.0 ns/op	1000.0 cpu-ns/op	95238 req/s
PASS
`

func TestTable(t *testing.T) {
	r, err := read(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	r.print(&b)
	for _, want := range []string{
		"Some Processor, ",
		"| callback: faster than gothic | at least 5.0× | 5.5× | met | not measured | |",
		"| anonymous, foreign: over bare | at most 60 ns | 70 ns | missed | not measured | |",
		"| anonymous, foreign: allocations | at most 0 | 0 | met | 0 | met |",
		"| whole server, github: of bare | at least 0.950× | 0.952× | met | 0.800× | missed |",
		"| whole server, oidc: of bare | at least 0.950× | not measured | | not measured | |",
		"| Callback/login | 200 |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got %s, want it to hold %q", &b, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, text := range []string{"BenchmarkA-2 100 1 ns/op 2\n", "BenchmarkA-2 100 x ns/op\n"} {
		if _, err := read(strings.NewReader(text)); err == nil {
			t.Errorf("got no error for %q", text)
		}
	}
}

func TestNumber(t *testing.T) {
	for f, want := range map[string]string{number(0.5): "0.5", number(1234567): "1,234,567", number(-1234): "-1,234", number(100): "100", number(-100000): "-100,000"} {
		if f != want {
			t.Errorf("got %s, want %s", f, want)
		}
	}
}
