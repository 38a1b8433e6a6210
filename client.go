package login

import "context"

// Get fetches JSON as the user into v, which is as for [encoding/json.Unmarshal].
// A relative url is joined to the first of Provider.API.
func (g *Grant) Get(ctx context.Context, url string, v any) error { panic("soon") }
