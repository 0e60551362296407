#define _GNU_SOURCE
#include "CKeeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Where the keeper has its ends of the two pipes; everything above is closed.
enum { ORDERS = 3, NEWS = 4 };

int64_t keeper_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// A message is smaller than PIPE_BUF: it is written whole or not at all.
static void tell(enum keeper_news_kind kind, int value) {
    struct keeper_news news = {.kind = kind, .value = value};
    while (write(NEWS, &news, sizeof news) < 0 && errno == EINTR) {}
}

_Noreturn static void fail(int error) {
    tell(KEEPER_FAILED, error);
    _exit(127);
}

static void forget_signal_handlers(void) {
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
}

_Noreturn static void become_command(
    pid_t keeper, const char *path, char *const arguments[], char *const environment[]) {
    setpgid(0, 0);
    // The command dies with its keeper, even if the keeper is killed.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper) _exit(127);
    forget_signal_handlers();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(path, arguments, environment);
    fail(errno);
}

struct command {
    pid_t id;
    struct keeper_order order;
    bool terminated;
};

static void signal_group(const struct command *command, int signal_number) {
    // The group is there from its leader's setpgid on, which may not have happened yet.
    if (kill(-command->id, signal_number) != 0) kill(command->id, signal_number);
}

// Reads the newest order. The end of the pipe is the order to end now.
static bool read_orders(struct command *command) {
    struct keeper_order order;
    ssize_t count;
    while ((count = read(ORDERS, &order, sizeof order)) == sizeof order) command->order = order;
    if (count == 0) command->order.terminate_at = 0;
    return count != 0;
}

// Does what is due, and returns when the next thing is.
static int64_t stop_when_due(struct command *command) {
    int64_t now = keeper_now();
    if (!command->terminated && now >= command->order.terminate_at) {
        command->terminated = true;
        tell(KEEPER_TERMINATED, 0);
        signal_group(command, SIGTERM);
        signal_group(command, SIGCONT); // A stopped process could not follow.
    }
    if (now >= command->order.kill_at) signal_group(command, SIGKILL);
    if (!command->terminated && command->order.terminate_at < command->order.kill_at)
        return command->order.terminate_at;
    // A process that does not die at once of SIGKILL waits for a disk; what it forks meanwhile is killed, too.
    return now < command->order.kill_at ? command->order.kill_at : now + 5000000;
}

// Once the command has ended, what it left behind in its group ends as well.
static void report_end(const struct command *command) {
    siginfo_t info = {0};
    if (waitid(P_PID, command->id, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    kill(-command->id, SIGKILL);
    int status = 0;
    waitpid(command->id, &status, 0);
    tell(KEEPER_ENDED, status);
    _exit(0);
}

static void set_alarm(int timer, int64_t at) {
    if (at < 1) at = 1; // Zero would disarm it.
    struct itimerspec due = {.it_value = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &due, NULL);
}

_Noreturn static void keep(
    const char *path, char *const arguments[], char *const environment[], struct keeper_order first) {
    // A session of its own: what stops or ends this process's group at a terminal does not reach the keeper.
    setsid();
    prctl(PR_SET_NAME, "conclave-keeper");
    forget_signal_handlers();
    const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_SETMASK, &children, NULL);
    int ends = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (ends < 0 || timer < 0) fail(errno);

    struct command command = {.order = first};
    pid_t keeper = getpid();
    command.id = fork();
    if (command.id < 0) fail(errno);
    if (command.id == 0) become_command(keeper, path, arguments, environment);
    tell(KEEPER_STARTED, command.id);

    struct pollfd waits[] = {{ends, POLLIN, 0}, {timer, POLLIN, 0}, {ORDERS, POLLIN, 0}};
    while (true) {
        set_alarm(timer, stop_when_due(&command));
        poll(waits, 3, -1);
        struct signalfd_siginfo end;
        while (read(ends, &end, sizeof end) > 0) {}
        uint64_t alarms;
        while (read(timer, &alarms, sizeof alarms) > 0) {}
        report_end(&command);
        if (waits[2].revents && !read_orders(&command)) waits[2].fd = -1;
    }
}

// Moves the keeper's two ends to where it expects them, and closes everything else but the standard streams: above all
// the connections of the process it was forked from, which must end with it.
static bool take_ends(int orders, int news) {
    int high_orders = fcntl(orders, F_DUPFD, 10), high_news = fcntl(news, F_DUPFD, 10);
    if (high_orders < 0 || high_news < 0) return false;
    if (dup3(high_orders, ORDERS, O_CLOEXEC) < 0 || dup3(high_news, NEWS, O_CLOEXEC) < 0) return false;
    return close_range(NEWS + 1, ~0U, 0) == 0 && fcntl(ORDERS, F_SETFL, O_NONBLOCK) == 0;
}

pid_t keeper_start(
    const char *path, char *const arguments[], char *const environment[], struct keeper_order first, int *orders,
    int *news) {
    int to_keeper[2], from_keeper[2];
    if (pipe2(to_keeper, O_CLOEXEC) != 0) return -errno;
    if (pipe2(from_keeper, O_CLOEXEC) != 0) {
        int error = errno;
        close(to_keeper[0]);
        close(to_keeper[1]);
        return -error;
    }
    // No handler of this process may run in the fork, which has its memory but not its threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t keeper = fork();
    if (keeper == 0) {
        if (!take_ends(to_keeper[0], from_keeper[1])) _exit(127);
        keep(path, arguments, environment, first);
    }
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(to_keeper[0]);
    close(from_keeper[1]);
    if (keeper < 0) {
        close(to_keeper[1]);
        close(from_keeper[0]);
        return -error;
    }
    fcntl(to_keeper[1], F_SETFL, O_NONBLOCK);
    *orders = to_keeper[1];
    *news = from_keeper[0];
    return keeper;
}
