package redis_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/doorlatch/login/replicas/internal/replicastest"
	"github.com/doorlatch/login/replicas/redis"
)

const stream = "login:revoked"

// mustAdd adds an entry to the stream as another program may.
func mustAdd(t *testing.T, client *goredis.Client, id, key string, at, until any) {
	t.Helper()
	values := []any{"key", key, "at", at, "until", until}
	if err := client.XAdd(t.Context(), &goredis.XAddArgs{Stream: stream, ID: id, Values: values}).Err(); err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t *testing.T, c replicastest.Connection) replicastest.Shared {
	t.Helper()
	s, client, err := open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		client.Close()
	})
	return s
}

func eventually(t *testing.T, most time.Duration, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(most); !f(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, most)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// What is no entry of ours ends nobody, and does not hide what comes after it. It may be
// one of a newer version, and stays.
func TestForeignEntries(t *testing.T) {
	url := replicastest.StartRedis(t).URL
	client := mustConnect(t, url)
	s := mustOpen(t, replicastest.Connection{URL: url})
	now := time.Now()
	later, none := now.Add(time.Hour).UnixMilli(), strings.Repeat("00", 16)
	mustAdd(t, client, fmt.Sprintf("%d-1", now.AddDate(0, 0, -91).UnixMilli()), none, "now", later)
	mustAdd(t, client, fmt.Sprintf("%d-1", now.AddDate(0, 0, -89).UnixMilli()), none, "now", later)
	mustAdd(t, client, "", none, now.UnixMilli(), "later")
	mustAdd(t, client, "", "00", now.UnixMilli(), later)
	mustAdd(t, client, "", strings.Repeat("zz", 16), now.UnixMilli(), later)
	mustAdd(t, client, "", strings.Repeat("00", 17), now.UnixMilli(), later)
	mustAdd(t, client, "", strings.Repeat("ff", 16), now.UnixMilli(), now.Add(-time.Second).UnixMilli())
	other := mustOpen(t, replicastest.Connection{URL: url})
	if at, ok := other.Revoked([16]byte(bytes.Repeat([]byte{0xff}, 16))); ok {
		t.Errorf("got %v from an entry that does not matter any more", at)
	}
	if err := other.Revoke(t.Context(), [16]byte{1}, now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, "what comes after", func() bool { _, ok := s.Revoked([16]byte{1}); return ok })
	if at, ok := s.Revoked([16]byte{}); ok {
		t.Errorf("got %v from an entry that is none", at)
	}
	if n := client.XLen(t.Context(), stream).Val(); n != 6 {
		t.Errorf("got %d entries, want ours and the 5 that are not very old", n)
	}
}

// What matters for long does not keep what stands behind it.
func TestShortBehindLong(t *testing.T) {
	client := mustConnect(t, replicastest.StartRedis(t).URL)
	s, err := redis.New(t.Context(), redis.Config{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now, added := time.Now(), 0
	revoke := func(until time.Time) {
		t.Helper()
		added++
		if err := s.Revoke(t.Context(), [16]byte{byte(added >> 8), byte(added)}, now, until); err != nil {
			t.Fatal(err)
		}
	}
	for range 60 { // more than are looked at with one that is added
		revoke(now.Add(time.Hour))
	}
	short := now.Add(2 * time.Second)
	for range 250 {
		revoke(short)
	}
	if n := client.XLen(t.Context(), stream).Val(); n != 310 {
		t.Fatalf("got %d entries, want all 310, which matter", n)
	}
	<-time.After(time.Until(short.Add(10 * time.Millisecond)))
	for range 15 {
		revoke(now.Add(time.Hour))
	}
	if n := client.XLen(t.Context(), stream).Val(); n != 75 {
		t.Errorf("got %d entries, want the 75 that matter", n)
	}
}

// After it was away, Redis may be another one, whose clock is behind: its entries count
// though their numbers are lower than those that were read before.
func TestAnotherRedis(t *testing.T) {
	engine := replicastest.StartRedis(t)
	client, now := mustConnect(t, engine.URL), time.Now()
	r, w := io.Pipe()
	defer r.Close()
	s := mustOpen(t, replicastest.Connection{URL: engine.URL, Logger: slog.New(slog.NewTextHandler(w, nil))})
	before, other := [16]byte{1}, [16]byte{2}
	if err := s.Revoke(t.Context(), before, now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	client.Del(t.Context(), stream)
	mustAdd(t, client, "1-1", hex.EncodeToString(other[:]), now.UnixMilli(), now.Add(time.Hour).UnixMilli())
	engine.Stop()
	for line := ""; !strings.Contains(line, "Redis is away"); {
		b := make([]byte, 4096)
		n, err := r.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		line = string(b[:n])
	}
	go io.Copy(io.Discard, r)
	engine.Start()
	eventually(t, 10*time.Second, "what the other one holds", func() bool { _, ok := s.Revoked(other); return ok })
	if _, ok := s.Revoked(before); !ok {
		t.Error("what was known before is forgotten")
	}
}
