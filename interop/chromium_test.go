package interop_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

type action = chromedp.Action[chromedp.Void]

// A browser is a Chromium without a window, or one person's part of it: its tabs
// share cookies.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// newBrowser starts a Chromium that knows nobody and reaches this machine only.
func newBrowser(t *testing.T, options ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	file := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && file == "" {
			file = found
		}
	}
	if file == "" {
		t.Fatal("Chromium is missing, install it with\n\tapt-get install chromium")
	}
	options = append(append(chromedp.DefaultExecAllocatorOptions[:], // with a new user-data-dir, which is removed
		chromedp.ExecPath(file),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en"),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	), options...)
	allocator, stop := chromedp.NewExecAllocator(bounded(t), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium did not start: %v", err)
	}
	return &browser{t, ctx}
}

// anotherPerson returns a browser with cookies of its own.
func (b *browser) anotherPerson(t *testing.T) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &browser{t, ctx}
}

// cookies returns those of all sites.
func (b *browser) cookies() []*network.Cookie {
	b.t.Helper()
	result, err := chromedp.CallBrowser(b.ctx, storage.GetCookies, storage.GetCookiesParams{
		BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return result.Cookies
}

// A tab fails its test when a page complains: a script error, something that the
// Content-Security-Policy forbids, a file that is not there.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	visited    []string // all URLs of pages, with those that redirected
	complaints []string
}

func (b *browser) newTab(t *testing.T) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	tab := &tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, tab.listen); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range tab.takeComplaints() {
			t.Errorf("the browser complains: %s", c)
		}
	})
	return tab
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument {
			b.visited = append(b.visited, e.Request.URL)
		}
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		bad := e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning
		if bad && !b.expected(e.Entry) {
			b.complaints = append(b.complaints, fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

// expected reports whether a complaint is that the page itself has the status of
// an error, about the icon that browsers ask for although no page names one, or
// about a picture that was blocked on purpose.
func (b *tab) expected(e *log.Entry) bool {
	url, _, _ := strings.Cut(e.URL, "#")
	own := len(b.visited) > 0 && b.visited[len(b.visited)-1] == url
	blocked := strings.Contains(e.Text, "ERR_BLOCKED_BY_CLIENT")
	return e.Source == log.EntrySourceNetwork && (own || blocked || strings.HasSuffix(url, "/favicon.ico"))
}

// takeComplaints returns what was complained of since the last call.
func (b *tab) takeComplaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.complaints
	b.complaints = nil
	return c
}

// blockImages is how people browse who save data, or whose network is bad.
func (b *tab) blockImages() {
	b.t.Helper()
	send(b, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{
		{URLPattern: "*://*:*/avatar/*", Block: true}, {URLPattern: "*://*:*/picture/*", Block: true},
	}})
}

// lastVisit returns the last URL with that beginning, redirects included.
func (b *tab) lastVisit(prefix string) string {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.visited) - 1; i >= 0; i-- {
		if strings.HasPrefix(b.visited[i], prefix) {
			return b.visited[i]
		}
	}
	b.t.Fatalf("nothing was visited that begins with %s", prefix)
	return ""
}

const patience = 20 * time.Second // for one thing that happens in a browser

// run is chromedp.Run, which fails the test after a while.
func run[T any](b *tab, what string, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.where())
	}
	return v
}

// where describes the page for the log.
func (b *tab) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	if err != nil {
		return "and the page cannot be read"
	}
	return "at " + text
}

// load does what makes the browser go to another page, waits until that is there
// and returns its status.
func (b *tab) load(what string, a action) int64 {
	b.t.Helper()
	response := run(b, what, func(ctx context.Context, _ *chromedp.Target) (*network.Response, error) {
		return chromedp.RunResponse(ctx, a)
	})
	if response == nil {
		b.t.Fatalf("%s: no page came\n%s", what, b.where())
	}
	return response.Status
}

// open goes to url by the address bar.
func (b *tab) open(url string) int64 {
	b.t.Helper()
	return b.load("open "+url, chromedp.Navigate(url))
}

// press clicks the link or button with that text, and waits for the next page.
func (b *tab) press(text string) int64 {
	b.t.Helper()
	return b.load("press "+text, b.mouse("a, button", text))
}

// tick clicks the label with that text.
func (b *tab) tick(text string) {
	b.t.Helper()
	run(b, "tick "+text, b.mouse("label", text))
}

// mouse clicks, as a person does, at the middle of the first element that matches
// selector and contains text.
func (b *tab) mouse(selector, text string) action {
	b.t.Helper()
	at := eval[*struct{ X, Y float64 }](b, fmt.Sprintf(`(() => {
		const e = [...document.querySelectorAll(%q)].find((e) => e.innerText.includes(%q));
		if (!e) return null;
		e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getBoundingClientRect();
		return {x: r.x + r.width / 2, y: r.y + r.height / 2};
	})()`, selector, text))
	if at == nil {
		b.t.Fatalf("there is no %s with %q\n%s", selector, text, b.where())
	}
	return chromedp.MouseClickXY(at.X, at.Y)
}

// back presses the Back button. Chromium may show the page as it was, without
// loading it again, so there is no response to wait for.
func (b *tab) back() {
	b.t.Helper()
	history := run(b, "history", chromedp.NavigationEntries())
	if history.CurrentIndex == 0 {
		b.t.Fatal("there is no page to go back to")
	}
	to := page.NavigateToHistoryEntryParams{EntryID: history.Entries[history.CurrentIndex-1].ID}
	run(b, "back", chromedp.WaitEvent(page.FrameNavigated,
		func(e page.EventFrameNavigated) bool { return e.Frame.ParentID == "" },
		func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
			return cdp.Call(ctx, t, page.NavigateToHistoryEntry, to)
		}))
	b.until("the page is there", func() bool { return eval[string](b, "document.readyState") == "complete" })
}

// until asks again and again until something holds.
func (b *tab) until(what string, holds func() bool) {
	b.t.Helper()
	end := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain until %s\n%s", what, b.where())
		}
	}
}

func (b *tab) reload() {
	b.t.Helper()
	run(b, "reload", chromedp.Reload())
}

func eval[T any](b *tab, script string) T {
	b.t.Helper()
	return run(b, "evaluate", chromedp.Evaluate[T](script))
}

func (b *tab) url() string { return eval[string](b, "location.href") }

// text returns what a person reads.
func (b *tab) text() string {
	return strings.Join(strings.Fields(eval[string](b, "document.body.innerText")), " ")
}

// see fails the test unless the page has this heading and these texts.
func (b *tab) see(heading string, texts ...string) {
	b.t.Helper()
	have := eval[string](b, `[...document.querySelectorAll("h1")].map((h) => h.innerText.trim()).join(" | ")`)
	if have != heading {
		b.t.Fatalf("got the heading %q, want %q\n%s", have, heading, b.where())
	}
	have = b.text()
	for _, text := range texts {
		if !strings.Contains(have, text) {
			b.t.Errorf("got a page without %q\n%s", text, b.where())
		}
	}
}

// send sends a command of the DevTools protocol.
func send[P, R any](b *tab, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	return run(b, c.Method, func(ctx context.Context, t *chromedp.Target) (R, error) {
		return cdp.Call(ctx, t, c, params)
	})
}
