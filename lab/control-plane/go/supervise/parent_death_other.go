//go:build !linux

package main

import "syscall"

func dieWithSupervisor() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{}
}
