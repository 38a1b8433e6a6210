// Example is a small application whose visitors log in with GitHub, Facebook or
// an OpenID Connect provider.
//
//	go run ./example
//
// starts it on http://localhost:8080. With nothing configured the providers are
// stand-ins with invented accounts, so that it works offline. What can be
// configured is listed at [app.FromEnv].
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/doorlatch/login/example/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	c, err := app.FromEnv(os.Getenv)
	if err == nil {
		err = app.Run(ctx, c, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
