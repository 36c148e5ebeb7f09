// Command supervise runs one program for as long as the process that started supervise lives.
//
//	supervise [-scratch DIR] -- PROGRAM [ARGUMENT…]
//
// Standard input is the lifeline: the kernel closes it when the parent ends, however it ends, and the program is
// then killed with everything it started. Until then each line on it is the name of a signal for the program.
// Standard output tells the program's pid, as one line; the program's own output goes to standard error.
// The exit status is the program's, or 128 + the number of the signal that ended it.
//
// With -scratch, DIR is removed when the lifeline breaks: nobody else is left to do it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

var signals = map[string]syscall.Signal{
	"SIGTERM": syscall.SIGTERM,
	"SIGINT":  syscall.SIGINT,
	"SIGKILL": syscall.SIGKILL,
	"SIGSTOP": syscall.SIGSTOP,
	"SIGCONT": syscall.SIGCONT,
}

func main() {
	scratch := flag.String("scratch", "", "folder to remove when the parent is gone")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "supervise: no program named")
		os.Exit(2)
	}

	// The parent-death signal of the program is bound to the thread that forks it, so that thread must stay.
	runtime.LockOSThread()
	// A terminal's Ctrl-C is for the parent to handle; what it wants of the program comes over the lifeline.
	// Caught, not ignored: the program would inherit that they are ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)

	program := exec.Command(flag.Arg(0), flag.Args()[1:]...)
	program.Stdout = os.Stderr
	program.Stderr = os.Stderr
	program.SysProcAttr = dieWithSupervisor()
	program.SysProcAttr.Setpgid = true
	if err := program.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "supervise: %v\n", err)
		os.Exit(127)
	}
	fmt.Printf("%d\n", program.Process.Pid)

	orphaned := make(chan struct{})
	go followLifeline(program.Process.Pid, orphaned)
	err := program.Wait()
	select {
	case <-orphaned:
		removeScratch(*scratch)
	default:
	}
	os.Exit(status(program, err))
}

// followLifeline passes signals on until the parent is gone, then kills the program's whole process group.
func followLifeline(pid int, orphaned chan<- struct{}) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if sig, known := signals[lines.Text()]; known {
			_ = syscall.Kill(-pid, sig)
		}
	}
	close(orphaned)
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}

// removeScratch tries more than once: a sibling under another supervisor may still be writing its last bytes.
func removeScratch(folder string) {
	if folder == "" {
		return
	}
	for range 20 {
		_ = os.RemoveAll(folder)
		if _, err := os.Stat(folder); os.IsNotExist(err) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func status(program *exec.Cmd, err error) int {
	if program.ProcessState == nil {
		fmt.Fprintf(os.Stderr, "supervise: %v\n", err)
		return 1
	}
	wait, ok := program.ProcessState.Sys().(syscall.WaitStatus)
	if ok && wait.Signaled() {
		return 128 + int(wait.Signal())
	}
	return program.ProcessState.ExitCode()
}
