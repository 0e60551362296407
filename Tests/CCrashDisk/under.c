#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"

// A failure here is one of the machine, which nothing above expects: the process says so and ends.
static void require(bool holds, const crash_file *file, const char *what) {
    if (holds) return;
    fprintf(stderr, "%s: ", file->path ? file->path : "a deleted file");
    perror(what);
    abort();
}

// Where a file is as long as a loss of power would take its name away.
static void unnamed_path(const char *path, char *unnamed, size_t room) {
    if (snprintf(unnamed, room, "%s.unnamed", path) >= (int)room) abort();
}

crash_file *under_find(crash_disk *disk, const char *path) {
    // Its name was taken away, though the directory does not know yet.
    for (crash_file *file = disk->files; file; file = file->next) {
        if (file->durable_path && strcmp(file->durable_path, path) == 0) return NULL;
    }
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return NULL;
    crash_file *file = disk_add(disk, path);
    file->descriptor = descriptor;
    file->durable_path = strdup(path);
    struct stat figures;
    require(fstat(descriptor, &figures) == 0, file, "fstat");
    content_truncate(&file->current, figures.st_size);
    file->reserved = figures.st_size;
    for (int64_t offset = 0; offset < figures.st_size;) {
        ssize_t count = pread(descriptor, file->current.bytes + offset, (size_t)(figures.st_size - offset), offset);
        require(count > 0, file, "pread");
        offset += count;
    }
    return file;
}

bool under_create(crash_file *file) {
    char unnamed[2048];
    unnamed_path(file->path, unnamed, sizeof unnamed);
    // One of that name may still be open.
    unlink(unnamed);
    file->descriptor = open(unnamed, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return file->descriptor >= 0;
}

bool under_reserve(crash_file *file, int64_t size) {
    if (size <= file->reserved) return true;
    if (fallocate(file->descriptor, FALLOC_FL_KEEP_SIZE, file->reserved, size - file->reserved) != 0) return false;
    file->reserved = size;
    return true;
}

void under_write(crash_file *file, const void *bytes, int64_t count, int64_t offset) {
    while (count > 0) {
        ssize_t written = pwrite(file->descriptor, bytes, (size_t)count, offset);
        require(written > 0, file, "pwrite");
        bytes = (const uint8_t *)bytes + written;
        count -= written;
        offset += written;
    }
}

void under_truncate(crash_file *file, int64_t size) {
    require(ftruncate(file->descriptor, size) == 0, file, "ftruncate");
    // What was reserved behind its end went with it.
    file->reserved = size;
}

// A file that was made anew under the name has it already.
static bool is_taken(const crash_file *file) {
    for (const crash_file *other = file->disk->files; other; other = other->next) {
        if (other != file && other->durable_path && strcmp(other->durable_path, file->durable_path) == 0) return true;
    }
    return false;
}

void under_name(crash_file *file) {
    if (file->path && !file->durable_path) {
        char unnamed[2048];
        unnamed_path(file->path, unnamed, sizeof unnamed);
        require(rename(unnamed, file->path) == 0, file, "rename");
    } else if (file->path && strcmp(file->path, file->durable_path) != 0) {
        require(rename(file->durable_path, file->path) == 0, file, "rename");
    } else if (!file->path && file->durable_path && !is_taken(file)) {
        require(unlink(file->durable_path) == 0, file, "unlink");
    }
}

void under_close(crash_file *file) {
    if (file->descriptor >= 0) close(file->descriptor);
}
