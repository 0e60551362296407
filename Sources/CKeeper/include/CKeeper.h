#ifndef CONCLAVE_KEEPER_H
#define CONCLAVE_KEEPER_H

#include <stdint.h>
#include <sys/types.h>

// A keeper is a small process between this one and a command: it stops the command at a given moment, whether or not
// this process still runs then. It is written in C because it is a fork without an exec: between the two a process that
// had threads may only call what is safe in a signal handler, and Swift's runtime is not.

// When the command is to end, in nanoseconds of CLOCK_BOOTTIME. Each order replaces the one before.
struct keeper_order {
    int64_t terminate_at; // SIGTERM
    int64_t kill_at; // SIGKILL, at the latest
};

enum keeper_news_kind {
    KEEPER_STARTED = 1, // value: the command's process id, which is also its process group
    KEEPER_FAILED = 2, // value: the errno of what failed; nothing runs
    KEEPER_TERMINATED = 3, // SIGTERM was sent
    KEEPER_ENDED = 4, // value: the status as waitpid tells it; nothing of the command's process group is left
};

// What a keeper tells. After KEEPER_FAILED nothing else counts; the end of the pipe without it and without KEEPER_ENDED is
// the keeper's own death.
struct keeper_news {
    int32_t kind;
    int32_t value;
};

// Starts a keeper, which starts the command. The pipe for orders is written by the caller and does not block; when it is
// closed, by whatever end of this process, the command gets SIGTERM at once and SIGKILL when it was due. Returns the
// keeper's process id, or an errno below zero.
pid_t keeper_start(
    const char *path, char *const arguments[], char *const environment[], struct keeper_order first, int *orders,
    int *news);

// Nanoseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps.
int64_t keeper_now(void);

#endif
