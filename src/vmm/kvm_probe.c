/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/kvm_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

/* The guest's memory: code, then the tables that map all of it one to one. */
enum { CODE_AT = 0x1000, PML4_AT = 0x2000, PDPT_AT = 0x3000, PD_AT = 0x4000, GUEST_BYTES = 0x200000 };
enum { PORT = 0x10, ANSWER = 0x42, PRESENT_WRITABLE = 3, LARGE_PAGE = 0x80 };
/* A processor runs the loop in 0.1 ms, one that QEMU emulates in some; software in the kernel takes 100 ms and more. It is CPU time, so load of this machine does not matter. */
enum { PROBE_MS = 2000, RUN_CPU_US = 30000, RUN_TRIES = 4 };

/* mov ecx, 100000; 1: dec ecx; jnz 1b; mov al, ANSWER; out PORT, al; inc al; out PORT, al; hlt */
static const unsigned char code[] = { 0xb9, 0xa0, 0x86, 0x01, 0x00, 0xff, 0xc9, 0x75, 0xfc, 0xb0, ANSWER, 0xe6, PORT, 0xfe, 0xc0, 0xe6, PORT, 0xf4 };

/* How far it came; the child's exit status. */
enum step { STEP_WORKS, STEP_VERSION, STEP_VM, STEP_MEMORY, STEP_IRQCHIP, STEP_VCPU, STEP_RUN, STEP_WRONG, STEP_COUNT };

static const char *const step_text[STEP_COUNT] = {
	[STEP_VERSION] = "it does not know the interface's version", [STEP_VM] = "no VM can be made", [STEP_MEMORY] = "a VM gets no memory",
	[STEP_IRQCHIP] = "a VM gets no interrupt controller", [STEP_VCPU] = "a VM gets no CPU", [STEP_RUN] = "a VM does not run", [STEP_WRONG] = "a VM runs wrong",
};

static void fill_memory(char *memory)
{
	memcpy(memory + CODE_AT, code, sizeof(code));
	*(uint64_t *)(void *)(memory + PML4_AT) = PDPT_AT | PRESENT_WRITABLE;
	*(uint64_t *)(void *)(memory + PDPT_AT) = PD_AT | PRESENT_WRITABLE;
	*(uint64_t *)(void *)(memory + PD_AT) = LARGE_PAGE | PRESENT_WRITABLE;
}

/* 64-bit mode from the first instruction on, as VMMs start a kernel. */
static int set_registers(int vcpu)
{
	struct kvm_segment segment = { .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1 };
	struct kvm_regs regs = { .rip = CODE_AT, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.cs = segment;
	segment.type = 3;
	segment.selector = 16;
	segment.l = 0;
	segment.db = 1;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = segment;
	sregs.cr3 = PML4_AT;
	sregs.cr4 = 0x20;       /* PAE */
	sregs.cr0 = 0x80000011; /* PG, ET, PE */
	sregs.efer = 0x500;     /* LMA, LME */
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu, KVM_SET_REGS, &regs) < 0 ? -1 : 0;
}

static enum step make(int kvm, int *ret_vcpu, struct kvm_run **ret_run)
{
	struct kvm_userspace_memory_region region = { .memory_size = GUEST_BYTES };
	void *memory = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int vm, size;

	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return STEP_VERSION;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return STEP_VM;
	if (memory == MAP_FAILED)
		return STEP_MEMORY;
	fill_memory(memory);
	region.userspace_addr = (uintptr_t)memory;
	/* Intel wants three pages of its own anywhere that the guest does not use; AMD does not know the call. */
	ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return STEP_MEMORY;
	/* All VMMs want it. And a CPU without it would change a switch in the code that all VMs of this machine run through, with an interrupt to every CPU. */
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0)
		return STEP_IRQCHIP;
	*ret_vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (*ret_vcpu < 0 || size < (int)sizeof(struct kvm_run))
		return STEP_VCPU;
	*ret_run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_vcpu, 0);
	return *ret_run == MAP_FAILED || set_registers(*ret_vcpu) < 0 ? STEP_VCPU : STEP_WORKS;
}

/* Runs it to its next word, which is to be that one. */
static enum step expect(int vcpu, const struct kvm_run *r, unsigned char word)
{
	if (ioctl(vcpu, KVM_RUN, 0) < 0)
		return STEP_RUN;
	if (r->exit_reason != KVM_EXIT_IO || r->io.port != PORT || r->io.direction != KVM_EXIT_IO_OUT ||
	    *((const unsigned char *)r + r->io.data_offset) != word)
		return STEP_WRONG;
	return STEP_WORKS;
}

static enum step run(int kvm)
{
	const struct itimerval limit = { .it_value = { .tv_usec = RUN_CPU_US } };
	struct kvm_run *r = NULL;
	int vcpu = -1;
	enum step s = make(kvm, &vcpu, &r);

	if (s != STEP_WORKS)
		return s;
	/* Its signal ends this process. */
	if (setitimer(ITIMER_PROF, &limit, NULL) < 0)
		return STEP_RUN;
	s = expect(vcpu, r, ANSWER);
	return s == STEP_WORKS ? expect(vcpu, r, ANSWER + 1) : s;
}

static MUST int open_kvm(const char *path, int *ret, struct err *e)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		*ret = fd;
		return 0;
	}
	if (errno == EACCES || errno == EPERM) {
		err_sys(e, errno, "open '%s'", path);
		return err_hint(e, "sudo usermod -aG kvm $USER, then log in again");
	}
	if (errno == ENOENT) {
		err_set(e, ERR_NOT_FOUND, "this machine has no '%s'", path);
		return err_hint(e, "switch on virtualization in the firmware; in a VM, nested virtualization; modprobe kvm_intel or kvm_amd");
	}
	err_set(e, ERR_UNAVAILABLE, "'%s' does not open: %s", path, strerror(errno));
	return err_hint(e, "modprobe kvm_intel or kvm_amd, and see what dmesg says");
}

char *vmm_kvm_key(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return NULL;
	return mem_printf("%llx:%llx:%o:%u:%u:%lld.%09ld:%u", (unsigned long long)st.st_ino, (unsigned long long)st.st_rdev, st.st_mode, st.st_uid, st.st_gid,
			  (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, geteuid());
}

/* One run, in a child with a time limit: a broken KVM may hang in it. */
static MUST int run_in_child(int kvm, int64_t deadline_ms, int *ret_status, bool *ret_hangs, struct err *e)
{
	struct err late = { 0 };
	pid_t pid = fork();

	*ret_hangs = false;
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPROF, SIG_DFL);
		_exit(run(kvm));
	}
	if (proc_wait(pid, deadline_ms, ret_status, &late) == 0)
		return 0;
	kill(pid, SIGKILL);
	if (waitpid(pid, ret_status, 0) < 0 || late.code == ERR_CANCELLED) {
		*e = late;
		return -1;
	}
	*ret_hangs = true;
	return 0;
}

static bool ran_out_of_time(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF;
}

int vmm_kvm_probe(const char *path, bool *ret_lasting, struct err *e)
{
	AUTO_FD int kvm = -1;
	bool ignored, hangs = false, *lasting = ret_lasting ? ret_lasting : &ignored;
	int64_t deadline = time_now_ms() + PROBE_MS;
	int status = 0;

	*lasting = false;
	if (open_kvm(path, &kvm, e) < 0) {
		*lasting = e->code == ERR_DENIED;
		return -1;
	}
	/* In a VM whose processor others had in the meantime their time counts as ours; that does not happen each time. */
	for (int tries = 0; tries < RUN_TRIES && !hangs && (tries == 0 || ran_out_of_time(status)); tries++)
		if (run_in_child(kvm, deadline, &status, &hangs, e) < 0)
			return -1;
	if (hangs) {
		err_set(e, ERR_UNAVAILABLE, "KVM opens but does not work: a VM hangs");
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == STEP_WORKS) {
		*lasting = true;
		return 0;
	} else if (ran_out_of_time(status)) {
		*lasting = true;
		err_set(e, ERR_UNAVAILABLE, "KVM opens but does not work: it runs a VM's instructions in software");
	} else {
		int step = WIFEXITED(status) && WEXITSTATUS(status) < STEP_COUNT ? WEXITSTATUS(status) : STEP_RUN;
		err_set(e, ERR_UNAVAILABLE, "KVM opens but does not work: %s", step_text[step]);
	}
	return err_hint(e, "if this is a VM itself, its host must allow nested virtualization");
}
