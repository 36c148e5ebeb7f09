package main

import "syscall"

// dieWithSupervisor covers the one death the lifeline cannot: that of the supervisor itself.
func dieWithSupervisor() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
