package fleet

import "syscall"

// dieWithParent has the kernel kill the program when the runner dies without
// being able to stop it, so that nothing is left that holds ports and files.
func dieWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
