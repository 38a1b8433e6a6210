// Command table reads the output of the benchmarks from standard input and prints, as
// Markdown, the ratios that are aimed at and the medians of everything.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	results, err := read(os.Stdin)
	if err != nil {
		log.Fatal("table: ", err)
	}
	results.print(os.Stdout)
}

// results are the measured values by benchmark and unit.
type results struct {
	cpu    string
	names  []string // in the order of their first line
	values map[string]map[string][]float64
}

var line = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

func read(from io.Reader) (*results, error) {
	r := &results{values: make(map[string]map[string][]float64)}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if cpu, ok := strings.CutPrefix(lines.Text(), "cpu: "); ok {
			r.cpu = cpu
		}
		m := line.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		if err := r.add(m[1], strings.Fields(m[2])); err != nil {
			return nil, fmt.Errorf("%w in %q", err, lines.Text())
		}
	}
	return r, lines.Err()
}

// add takes pairs of a value and its unit.
func (r *results) add(name string, fields []string) error {
	if r.values[name] == nil {
		r.names = append(r.names, name)
		r.values[name] = make(map[string][]float64)
	}
	for pair := range slices.Chunk(fields, 2) {
		if len(pair) != 2 {
			return fmt.Errorf("a value without a unit")
		}
		f, err := strconv.ParseFloat(pair[0], 64)
		if err != nil {
			return err
		}
		r.values[name][pair[1]] = append(r.values[name][pair[1]], f)
	}
	return nil
}

// median returns that of a benchmark in a unit, ok if it was measured.
func (r *results) median(name, unit string) (m float64, ok bool) {
	values := slices.Sorted(slices.Values(r.values[name][unit]))
	if len(values) == 0 {
		return 0, false
	}
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half], true
	}
	return (values[half-1] + values[half]) / 2, true
}

// spread is half the distance between the quartiles, as a share of the median.
func (r *results) spread(name, unit string) float64 {
	values := slices.Sorted(slices.Values(r.values[name][unit]))
	m, _ := r.median(name, unit)
	if m == 0 {
		return 0
	}
	n := len(values)
	return (values[n*3/4] - values[n/4]) / 2 / m
}

func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d processors, %s %s/%s.\n\n", r.cpu, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprint(w, "| | target | by the clock | | by CPU time | |\n|---|---|---|---|---|---|\n")
	for _, t := range targets() {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", t.what, t.limit(), t.judge(r, "ns/op"), t.judge(r, "cpu-ns/op"))
	}
	r.printMedians(w)
}

func (r *results) printMedians(w io.Writer) {
	fmt.Fprint(w, "\n| medians | ns | ± | CPU ns | B | allocations | else |\n|---|--:|--:|--:|--:|--:|---|\n")
	for _, name := range r.names {
		fmt.Fprintf(w, "| %s |", name)
		for _, unit := range []string{"ns/op", "", "cpu-ns/op", "B/op", "allocs/op"} {
			if unit == "" {
				fmt.Fprintf(w, " %.0f %% |", 100*r.spread(name, "ns/op"))
			} else if m, ok := r.median(name, unit); ok && (m != 0 || unit != "ns/op") {
				fmt.Fprintf(w, " %s |", number(m))
			} else {
				fmt.Fprint(w, " |")
			}
		}
		var others []string
		for _, unit := range []string{"cookie-B", "req/s", "heap-B/one", "heap-MB"} {
			if m, ok := r.median(name, unit); ok {
				others = append(others, number(m)+" "+unit)
			}
		}
		fmt.Fprintf(w, " %s |\n", strings.Join(others, ", "))
	}
}

// number has three or more digits, with commas.
func number(f float64) string {
	if f < 100 && f > -100 && f != float64(int(f)) {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	s := strconv.FormatFloat(f, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
