package redis

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/doorlatch/login/replicas/internal/backoff"
)

const (
	beginning = "0"             // of the stream
	batch     = 1000            // entries that are read at once
	pause     = time.Second     // without news, until it is asked again
	timeout   = 2 * time.Second // of an answer
	maxRetry  = time.Second     // between two attempts to reach a Redis that is away
)

// Revoke implements [login.Revocations]. Other replicas know a moment later; those
// whose connection hangs notice after three seconds, and those that cannot reach Redis
// know within ten seconds from when they can.
//
// After an error it counts here. The others are told as soon as Redis is back, unless
// this process ends before.
func (s *Shared) Revoke(ctx context.Context, key [16]byte, at, until time.Time) error {
	s.ended.Add(key, at.UnixMilli(), until.UnixMilli())
	err := s.publish(ctx, key, at.UnixMilli(), until.UnixMilli())
	if err != nil {
		s.untold.Add(key, at.UnixMilli(), until.UnixMilli())
	}
	return err
}

// publish adds an entry to a stream, which tells whoever waits and still knows when
// somebody comes back. It takes old ones with it.
func (s *Shared) publish(ctx context.Context, key [16]byte, at, until int64) error {
	var looked *redis.XMessageSliceCmd
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{Stream: s.stream(), Values: []any{"key", hex.EncodeToString(key[:]), "at", at, "until", until}})
		looked = p.XRangeN(ctx, s.stream(), s.pruned.place(), "+", pruneStep)
		return nil
	})
	if err == nil {
		s.prune(ctx, looked.Val())
	}
	return err
}

// Revoked implements [login.Revocations].
func (s *Shared) Revoked(key [16]byte) (at time.Time, ok bool) { return s.ended.At(key) }

func (s *Shared) stream() string { return s.prefix + "revoked" }

// load reads what has come since the last time, without waiting for more.
func (s *Shared) load(ctx context.Context) error {
	for {
		if n, err := s.read(ctx, -1); err != nil || n == 0 {
			return err
		}
	}
}

// follow reads what comes. After an error it reads everything again: it may be
// another Redis now.
func (s *Shared) follow() {
	away := false
	b := backoff.Backoff{Max: maxRetry}
	for s.ctx.Err() == nil {
		_, err := s.read(s.ctx, pause)
		switch {
		case err == nil && away:
			away, b = false, backoff.Backoff{Max: maxRetry}
			s.logger.Info("login: Redis is back")
		case err != nil && s.ctx.Err() == nil:
			if !away {
				s.logger.Error("login: sessions that end elsewhere go on here: Redis is away", "error", err)
			}
			away, s.last = true, beginning
			s.shake()
			b.Wait(s.ctx)
		}
		s.ended.Sweep(time.Now())
	}
}

// shake makes the client drop connections on which nothing comes any more. It would
// try them one after the other, and each takes the time of an answer.
func (s *Shared) shake() {
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	var wg sync.WaitGroup
	for range s.client.PoolStats().IdleConns {
		wg.Go(func() { s.client.Ping(ctx) })
	}
	wg.Wait()
}

// read reads a batch of entries, for which it waits that long.
func (s *Shared) read(ctx context.Context, block time.Duration) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, max(block, 0)+timeout)
	defer cancel()
	streams, err := s.client.XRead(ctx, &redis.XReadArgs{Streams: []string{s.stream(), s.last}, Count: batch, Block: block}).Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, stream := range streams {
		for _, e := range stream.Messages {
			s.last = e.ID
			n++
			if key, at, until, err := parse(e); err == nil && until >= time.Now().UnixMilli() {
				s.ended.Add(key, at, until)
			}
		}
	}
	return n, nil
}

// parse reads an entry of the stream.
func parse(e redis.XMessage) (key [16]byte, at, until int64, err error) {
	field := func(name string) string { text, _ := e.Values[name].(string); return text }
	b, err := hex.DecodeString(field("key"))
	if err != nil || len(b) != len(key) {
		return key, 0, 0, fmt.Errorf("want a key of %d bytes, have %q", len(key), field("key"))
	}
	at, atErr := strconv.ParseInt(field("at"), 10, 64)
	until, untilErr := strconv.ParseInt(field("until"), 10, 64)
	return [16]byte(b), at, until, errors.Join(atErr, untilErr)
}
