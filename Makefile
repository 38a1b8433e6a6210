# make            what every commit must pass
# make interop    real servers, real browser (needs node, npm, chromium, postgresql, redis-server, nginx, wrk)
# make fuzz       every fuzz test for FUZZTIME each
# make bench      side by side with other ways, medians and ratios (uses wrk, if it is installed)
# make hostile    what a hostile provider can do to a login, counted
# make mutants    takes the security checks out one by one: a test must fail each time

FUZZTIME ?= 30s
BENCHCOUNT ?= 10
BENCHTIME ?= 100ms
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
SHADOW = golang.org/x/tools/go/analysis/passes/shadow/cmd/shadow@v0.38.0

.PHONY: all check test bench hostile interop fuzz mutants api

all: check test

check:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "run gofmt on: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go run $(SHADOW) ./...

test:
	go test -race -shuffle=on ./...

# In turns, so that what else the machine does falls on all of them. benchstat reads
# bench/latest.txt.
bench:
	cd bench && go vet ./... && go test -count=1 ./... && go test -c -o bench.test .
	@cd bench && ( \
		for i in $$(seq $(BENCHCOUNT)); do \
			./bench.test -test.run '^$$' -test.bench . -test.skip Memory -test.benchtime $(BENCHTIME) || exit 1; \
		done; \
		./bench.test -test.run '^$$' -test.bench Memory -test.benchtime 1x && \
		go run ./wrk -count $(BENCHCOUNT) \
	) > latest.txt || { tail latest.txt; exit 1; }
	@cd bench && go run ./table < latest.txt

hostile:
	@log=$$(mktemp) && trap 'rm -f "$$log"' EXIT; \
	if go test -count=1 -v -run '^(TestSwitches|TestNaive)$$' ./internal/hostile > "$$log"; \
	then grep -E '^([0-9]+ switches|a naive client)' "$$log"; \
	else grep -v -e '^=== ' -e '--- PASS' "$$log" | tail -100; exit 1; fi

interop:
	npm ci --prefix interop/oidc
	cd interop && go vet ./... && go test -count=1 -timeout 15m ./...
	cd replicas && go vet ./... && go test -race -count=1 -timeout 10m ./...
	cd example/scaled && go vet ./... && go test -race -count=1 ./...
	cd bench && go vet ./... && go test -count=1 ./...

fuzz:
	@go list ./... | while read -r pkg; do \
		for f in $$(go test -list '^Fuzz' "$$pkg" | grep '^Fuzz'); do \
			echo "$$pkg $$f" && go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
		done; \
	done

mutants:
	go run ./internal/mutants

api:
	UPDATE=1 go test -run API .
