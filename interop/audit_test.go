package interop_test

import (
	"bytes"
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed audit.js
var auditJS string

// A screen is how somebody looks at a page.
type screen struct {
	name          string
	width, height int64
	phone         bool
	scheme        string
}

var screens = []screen{
	{"phone-light", 390, 844, true, "light"},
	{"phone-dark", 390, 844, true, "dark"},
	{"desktop-light", 1280, 800, false, "light"},
	{"desktop-dark", 1280, 800, false, "dark"},
}

// look makes the tab a screen.
func (b *tab) look(s screen) {
	b.t.Helper()
	send(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: s.width, Height: s.height, DeviceScaleFactor: 1, Mobile: s.phone,
	})
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}},
	})
}

// audit looks the page over on some screens, and takes a picture on each.
func (b *tab) audit(name string, screens []screen) {
	b.t.Helper()
	for _, s := range screens {
		b.look(s)
		wrong := eval[[]string](b, auditJS)
		picture := run(b, "screenshot", chromedp.FullScreenshot(100))
		if err := os.WriteFile(filepath.Join("screenshots", name+"."+s.name+".png"), picture, 0o644); err != nil {
			b.t.Error(err)
		}
		if s.phone { // where the focus is must be seen in both colour schemes
			wrong = append(wrong, b.auditFocus()...)
		}
		for _, w := range wrong {
			b.t.Errorf("%s: %s", s.name, w)
		}
	}
	for _, c := range b.takeComplaints() {
		b.t.Errorf("the browser complains: %s", c)
	}
}

// stops lists what the Tab key has to reach; of radio buttons, those of one name
// are one stop. Afterwards focused() is the index of what has the focus.
const stops = `(() => {
	const groups = new Set();
	const stops = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
		.filter((e) => e.checkVisibility() && !e.disabled)
		.filter((e) => e.type !== "radio" || !groups.has(e.name) && groups.add(e.name));
	window.focused = () => stops.findIndex((e) => e === document.activeElement ||
		e.type === "radio" && document.activeElement.type === "radio" && e.name === document.activeElement.name);
	document.activeElement.blur();
	return stops.map((e) => e.innerText || e.name);
})()`

// auditFocus goes through the page with the Tab key, and returns what it does not
// reach, and what looks the same with and without the focus.
func (b *tab) auditFocus() (wrong []string) {
	b.t.Helper()
	names := eval[[]string](b, stops)
	missing := make(map[int]bool)
	for i := range names {
		missing[i] = true
	}
	for presses := 0; len(missing) > 0 && presses < 2*len(names)+4; presses++ {
		run(b, "press Tab", chromedp.KeyEvent(kb.Tab))
		i := eval[int](b, "focused()")
		if !missing[i] {
			continue
		}
		delete(missing, i)
		with := run(b, "screenshot", chromedp.CaptureScreenshot())
		eval[bool](b, "(window.had = document.activeElement).blur() || true")
		without := run(b, "screenshot", chromedp.CaptureScreenshot())
		eval[bool](b, "had.focus() || true")
		if bytes.Equal(with, without) {
			wrong = append(wrong, "nothing shows that the focus is on "+strings.TrimSpace(names[i]))
		}
	}
	for i := range missing {
		wrong = append(wrong, "the Tab key does not reach "+strings.TrimSpace(names[i]))
	}
	eval[bool](b, "document.activeElement.blur() || true")
	return wrong
}
