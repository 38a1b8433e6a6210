// Scaled is the example application for many replicas behind one proxy. They share,
// through Redis or PostgreSQL, who renews a token and who has logged out; and if you
// like, the sessions, too.
//
// Beside the variables of example/app there are
//
//	REDIS_URL     redis://:password@127.0.0.1:6379/0, or
//	DATABASE_URL  postgres://name:password@127.0.0.1:5432/database
//	SESSIONS      cookies: sessions live in encrypted cookies; the default
//	              store: they live in that Redis or PostgreSQL
//
// and SESSION_KEYS, BASE_URL and a provider are needed: replicas that invent keys or
// stand-ins of their own do not know each other's users. All replicas get the same
// values; only ADDR is different if they run on one machine.
//
// A replica has up to 10 connections to PostgreSQL, and 20 more if sessions are there;
// PostgreSQL itself allows 100.
//
// # Two of them by hand
//
//	export REDIS_URL=redis://127.0.0.1:6379 BASE_URL=http://localhost:8080
//	export SESSION_KEYS=$(openssl rand -base64 32)
//	export GITHUB_CLIENT_ID=… GITHUB_CLIENT_SECRET=…
//	ADDR=127.0.0.1:8081 go run . &
//	ADDR=127.0.0.1:8082 go run . &
//
// and in front of them an nginx with
//
//	upstream replicas {
//		server 127.0.0.1:8081 max_fails=0;
//		server 127.0.0.1:8082 max_fails=0;
//		keepalive 16;
//	}
//	server {
//		listen 127.0.0.1:8080;
//		location / {
//			proxy_pass http://replicas;
//			proxy_http_version 1.1;
//			proxy_set_header Connection "";
//			proxy_connect_timeout 1s;
//			proxy_buffer_size 16k;
//			proxy_buffers 8 16k;
//			location = /logout {
//				proxy_pass http://replicas;
//				proxy_next_upstream error timeout non_idempotent;
//			}
//		}
//	}
//
// A GET that meets a replica which is just ending goes on to the next one, which nginx
// does by itself (proxy_next_upstream); a POST goes on only where that is said, and a
// logout may be repeated. Without max_fails=0 nginx also avoids that replica for ten
// seconds, and when the last one is restarted before they are over, it knows of none.
// The buffers are for the cookies of large tokens.
//
// # Restarts and new keys
//
// Replicas are restarted one after the other: SIGTERM lets one finish what it has
// begun. To change the key, restart all of them with SESSION_KEYS=old,new, then all
// with new,old, and when 24 hours are over, which is how long a login lasts, with new.
// Nobody is logged out, and nobody notices.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/doorlatch/login/example/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is the program, until ctx ends.
func run(ctx context.Context, getenv func(string) string, out io.Writer) error {
	r, err := fromEnv(getenv)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.open(ctx); err != nil {
		return err
	}
	return app.Run(ctx, r.Config, out)
}
