//go:build !linux

package interop_test

import "os/exec"

func dieWithParent(*exec.Cmd) {}
