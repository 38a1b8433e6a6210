package replicastest

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes sure that nothing outlives a test binary that was killed.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
