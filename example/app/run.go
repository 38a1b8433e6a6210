package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Run serves the application of c on c.Addr until ctx ends, and then finishes
// the requests that it has begun. To out it writes where to find it. If c has no
// providers, it starts stand-ins for some, with invented accounts.
func Run(ctx context.Context, c Config, out io.Writer) error {
	l, err := net.Listen("tcp", c.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("ADDR: another program listens on %s already; stop it, or choose another port", c.Addr)
	}
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	defer l.Close()
	hint := ""
	if len(c.Providers) == 0 {
		stop := addStandIns(&c)
		defer stop()
		hint = " (no provider is configured: log in at stand-ins, with invented accounts)"
	}
	h, err := New(c)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "Open %s%s\n", c.URL, hint); err != nil {
		return err
	}
	return serve(ctx, l, h, c.Logger)
}

func serve(ctx context.Context, l net.Listener, h http.Handler, logger *slog.Logger) error {
	if logger == nil {
		logger = slog.Default()
	}
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      time.Minute, // a login asks the provider several times
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return s.Shutdown(patience)
}
