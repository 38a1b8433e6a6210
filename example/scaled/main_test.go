package main

import (
	"context"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/sessions"
)

// A replica whose engine is not there, or does not answer, ends with an error in which
// the variable is named, and the password is not.
func TestEngineAway(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // makes connections, and no more
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, engine := range []struct{ name, before, after string }{
		{"REDIS_URL", "redis://:CANARY-PASSWORD@", ""},
		{"DATABASE_URL", "postgres://me:CANARY-PASSWORD@", "/database?sslmode=disable"},
	} {
		for _, at := range []struct{ name, addr string }{{"refused", closed.Addr().String()}, {"hung", silent.Addr().String()}} {
			t.Run(engine.name+"/"+at.name, func(t *testing.T) {
				t.Parallel()
				env := with(vars{"REDIS_URL": "", "SESSIONS": "store", engine.name: engine.before + at.addr + engine.after})
				ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
				defer cancel()
				began := time.Now()
				err := run(ctx, env.get, io.Discard)
				if err == nil || !strings.Contains(err.Error(), engine.name+": ") || strings.Contains(err.Error(), "CANARY") {
					t.Errorf("got %v, want an error with %s and no secret", err, engine.name)
				}
				if took, limit := time.Since(began), 3*patience; took > limit {
					t.Errorf("it took %v, want less than %v", took, limit)
				}
			})
		}
	}
}

// Who does not get a connection is told after a while, and those who give one back let
// others in.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, nil, [][]byte{[]byte("key"), nil})
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		var s *sessions.Session
		for range 2 {
			var err error
			if s, err = q.New(r, "login"); err != nil {
				t.Fatal(err)
			}
		}
		store := <-q
		began := time.Now()
		if _, err := q.New(r, "login"); err != errBusy {
			t.Errorf("New: got %v, want %v", err, errBusy)
		}
		if err := q.Save(r, w, s); err != errBusy {
			t.Errorf("Save: got %v, want %v", err, errBusy)
		}
		if took, want := time.Since(began), 2*patience; took != want {
			t.Errorf("got told after %v in all, want %v", took, want)
		}
		q <- store
		if _, err := q.New(r, "login"); err != nil {
			t.Errorf("New: got %v, want nothing", err)
		}
	})
}
