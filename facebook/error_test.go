package facebook_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/doorlatch/login"
	"github.com/doorlatch/login/facebook"
)

func TestResponseError(t *testing.T) {
	expired := `{"error":{"message":"PROSE","type":"OAuthException","code":190,"error_subcode":463,"fbtrace_id":"A"}}`
	tests := []struct {
		status         int
		body           string
		failed, expire bool
	}{
		{200, expired, false, false},
		{204, "", false, false},
		{400, expired, true, true},
		{400, `{"error":{"type":"OAuthException","code":368}}`, true, false},
		{400, `{"error":"x"}`, true, false},
		{500, "PROSE", true, false},
		{302, "", true, false},
		{400, strings.Repeat(" ", 64<<10) + expired, true, false}, // too long to be one
	}
	for _, test := range tests {
		err := facebook.ResponseError(&http.Response{StatusCode: test.status, Body: io.NopCloser(strings.NewReader(test.body))})
		var explained *facebook.Error
		if got := errors.As(err, &explained) && explained.Expired(); got != test.expire {
			t.Errorf("%d %.40s: got expired %v, want %v", test.status, test.body, got, test.expire)
		}
		if failed := err != nil; failed != test.failed || failed && (!errors.Is(err, login.ErrProvider) || strings.Contains(err.Error(), "PROSE")) {
			t.Errorf("%d %.40s: got %v, want failed %v", test.status, test.body, err, test.failed)
		}
	}
}
