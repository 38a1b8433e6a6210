// Package bench measures what a logged-in request, a login and a session cost,
// side by side with other ways to do the same. `make bench` in the directory above
// runs everything, alternating, and prints medians and ratios; RESULTS.md has those
// of one run.
//
// Every candidate stands in front of the same handler, which does nothing, and
// answers into the same writer, which keeps nothing. The plain tests here check that
// each candidate lets in whom it should, and nobody else.
package bench
