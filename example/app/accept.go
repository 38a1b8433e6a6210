package app

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// wantsPage reports whether the sender of r likes HTML better than JSON (RFC
// 9110 section 12.5.1). Who does not say, such as curl, is a program.
func wantsPage(r *http.Request) bool {
	html, json := preference{}, preference{}
	position := 0
	for _, line := range r.Header.Values("Accept") {
		for _, part := range strings.Split(line, ",") {
			mediaRange, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			position--
			html.read("text/html", mediaRange, params["q"], position)
			json.read("application/json", mediaRange, params["q"], position)
		}
	}
	return html.quality > 0 && html.beats(json)
}

// preference is how much somebody wants one media type, and how precisely and
// how early it was said.
type preference struct {
	quality               float64
	specificity, position int
}

func (p *preference) read(mediaType, mediaRange, q string, position int) {
	kind, _, _ := strings.Cut(mediaType, "/")
	specificity := map[string]int{"*/*": 1, kind + "/*": 2, mediaType: 3}[mediaRange]
	if specificity <= p.specificity {
		return
	}
	quality, err := strconv.ParseFloat(q, 64)
	if err != nil || quality < 0 || quality > 1 {
		quality = 1
	}
	*p = preference{quality, specificity, position}
}

func (p preference) beats(other preference) bool {
	switch {
	case p.quality != other.quality:
		return p.quality > other.quality
	case p.specificity != other.specificity:
		return p.specificity > other.specificity
	}
	return p.position > other.position
}
