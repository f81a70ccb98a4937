/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The first process of the Linux that is measured and compared with: loads and unloads modules as /plan says and
 * prints the nanoseconds that finit_module took by CLOCK_MONOTONIC. A line of /plan is
 *   load FILE             a module that others need
 *   set FILE ARGUMENTS    a module, with arguments: the rest of the line
 *   parameters NAME       each file of the module's parameters, as `NAME FILE VALUE`, and `NAME FILE` if none may read it
 *   time FILE NAME TIMES  one to measure, and to unload by NAME
 *   calibrate COUNT       a loop of COUNT times two instructions
 *   unload NAME           a module to unload
 *   names                 the lines of /proc/kallsyms about modules, between `begin` and `end`
 *   show                  /proc/modules between `begin` and `end`, and /proc/sys/kernel/tainted
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec time;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Loads a module with these arguments; the nanoseconds that it took, or a negative error. */
static long long load(const char *file, const char *arguments)
{
	int descriptor = open(file, O_RDONLY | O_CLOEXEC);
	long long start, end;
	long status;

	if (descriptor < 0)
		return -errno;
	start = now();
	status = syscall(SYS_finit_module, descriptor, arguments, 0);
	end = now();
	if (status < 0)
		end = start - errno;
	close(descriptor);
	return end - start;
}

static int measure(const char *file, const char *name, int times)
{
	printf("%s", file);
	for (int run = 0; run < times; run++) {
		long long taken = load(file, "");

		printf(" %lld", taken);
		if (taken < 0 || syscall(SYS_delete_module, name, O_NONBLOCK) < 0) {
			printf(": %s\n", strerror(errno));
			return -1;
		}
	}
	printf("\n");
	return 0;
}

static void calibrate(unsigned long count)
{
	unsigned long left = count;
	long long start = now(), end;

	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(left) : : "cc");
	end = now();
	printf("calibration %lu %lld\n", 2 * count, end - start);
}

static int copy(const char *file)
{
	FILE *from = fopen(file, "r");
	int byte;

	if (!from) {
		printf("%s: %s\n", file, strerror(errno));
		return -1;
	}
	while ((byte = getc(from)) != EOF)
		putchar(byte);
	return fclose(from);
}

static int mount_proc(void)
{
	mkdir("/proc", 0755);
	return mount("proc", "/proc", "proc", 0, NULL) < 0 && errno != EBUSY ? -1 : 0;
}

static int names(void)
{
	char line[1024];
	FILE *from;

	if (mount_proc())
		return -1;
	from = fopen("/proc/kallsyms", "r");
	if (!from)
		return -1;
	printf("begin\n");
	while (fgets(line, sizeof(line), from))
		if (strchr(line, '['))
			fputs(line, stdout);
	printf("end\n");
	return fclose(from);
}

static int show(void)
{
	int failed;

	if (mount_proc())
		return -1;
	printf("begin\n");
	failed = copy("/proc/modules");
	printf("end\n");
	return failed || copy("/proc/sys/kernel/tainted");
}

static int parameters(const char *module)
{
	char path[512], value[4096];
	struct dirent *entry;
	struct stat status;
	DIR *folder;
	FILE *from;

	mkdir("/sys", 0755);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 && errno != EBUSY)
		return -1;
	snprintf(path, sizeof(path), "/sys/module/%s/parameters", module);
	folder = opendir(path);
	if (!folder) {
		printf("%s: %s\n", path, strerror(errno));
		return 0;
	}
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, entry->d_name);
		if (stat(path, &status) < 0)
			return -1;
		if (!(status.st_mode & 0444)) {
			printf("%s %s\n", module, entry->d_name);
			continue;
		}
		from = fopen(path, "r");
		if (!from || !fgets(value, sizeof(value), from))
			snprintf(value, sizeof(value), "%s\n", strerror(errno));
		printf("%s %s %s", module, entry->d_name, value);
		if (from)
			fclose(from);
	}
	return closedir(folder);
}

static void load_or_say(const char *file, const char *arguments)
{
	long long taken = load(file, arguments);

	if (taken < 0)
		printf("%s: %s\n", file, strerror(-(int)taken));
}

static int follow(FILE *plan)
{
	static char arguments[4096];
	char file[64], name[64];
	unsigned long count;
	int times;

	while (fscanf(plan, "%63s", name) == 1) {
		if (!strcmp(name, "load") && fscanf(plan, "%63s", file) == 1) {
			load_or_say(file, "");
		} else if (!strcmp(name, "set") && fscanf(plan, "%63s%4095[^\n]", file, arguments) == 2) {
			load_or_say(file, arguments);
		} else if (!strcmp(name, "parameters") && fscanf(plan, "%63s", file) == 1) {
			if (parameters(file))
				return -1;
		} else if (!strcmp(name, "time") &&
			   fscanf(plan, "%63s %63s %d", file, name, &times) == 3) {
			if (measure(file, name, times))
				return -1;
		} else if (!strcmp(name, "unload") && fscanf(plan, "%63s", file) == 1) {
			if (syscall(SYS_delete_module, file, O_NONBLOCK) < 0)
				printf("%s: %s\n", file, strerror(errno));
		} else if (!strcmp(name, "names")) {
			if (names())
				return -1;
		} else if (!strcmp(name, "show")) {
			if (show())
				return -1;
		} else if (!strcmp(name, "calibrate") && fscanf(plan, "%lu", &count) == 1) {
			calibrate(count);
		} else {
			printf("/plan has a line that means nothing\n");
			return -1;
		}
	}
	printf("done\n");
	return 0;
}

int main(void)
{
	FILE *plan = fopen("/plan", "r");

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (plan)
		follow(plan);
	else
		printf("/plan: %s\n", strerror(errno));
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
