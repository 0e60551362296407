#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <sqlite3.h>

#include "crash_disk.h"

// Bytes that grow; what lies between the end and a later write is zero.
typedef struct {
    uint8_t *bytes;
    int64_t size;
    int64_t room;
} content;

// A write, or with `data` NULL a truncation to `offset`, that was not synced.
typedef struct {
    int64_t offset;
    int64_t count;
    uint8_t *data;
} change;

// A file: what is surely on the disk, what reads see, and the changes that lie between them in their order.
struct crash_file {
    crash_disk *disk;
    crash_file *next;
    // The name now, and the one that is surely on the disk; NULL for none.
    char *path;
    char *durable_path;
    content durable;
    content current;
    change *changes;
    size_t change_count;
    size_t change_room;
    int open_count;
    // Has no name at any time and is gone when it is closed.
    bool is_temporary;
    // Its first sync makes its name durable too, as SQLite's own VFS does for journals.
    bool sync_links;
    // The WAL index of SQLite, which no crash leaves.
    void *shared[64];
    // The file that holds `durable` in its place, and how far space is reserved in it; on a disk over a directory only.
    int descriptor;
    int64_t reserved;
};

struct crash_disk {
    sqlite3_vfs vfs;
    char name[32];
    crash_file *files;
    void (*hook)(void *context, crash_disk_operation);
    void *context;
    int64_t capacity;
    // Syncs until one fails; negative for never.
    int64_t syncs_until_failure;
    uint64_t failure_seed;
    // Whether a directory of the file system holds what is durable.
    bool is_over_directory;
    // Decides what of the un-synced writes gets there all the same.
    uint64_t chance;
};

// disk.c
crash_file *disk_find(const crash_disk *disk, const char *path);
// The same, and what an earlier process left in the directory under the disk.
crash_file *disk_look_up(crash_disk *disk, const char *path);
crash_file *disk_add(crash_disk *disk, const char *path);
void disk_release(crash_file *file);
int disk_delete(crash_disk *disk, const char *path, bool durably);
int file_truncate(crash_file *file, int64_t size);

// The files that hold what is durable, of a disk over a directory: under.c
// Finds a file that an earlier process left; NULL for none.
crash_file *under_find(crash_disk *disk, const char *path);
// Begins a file that has no name until `under_name`.
bool under_create(crash_file *file);
bool under_reserve(crash_file *file, int64_t size);
void under_write(crash_file *file, const void *bytes, int64_t count, int64_t offset);
void under_truncate(crash_file *file, int64_t size);
// Gives the file the name it has on this disk, or takes the last one away.
void under_name(crash_file *file);
void under_close(crash_file *file);

// content.c
void content_write(content *content, const void *bytes, int64_t count, int64_t offset);
void content_truncate(content *content, int64_t size);
content content_copy(const content *other);
void content_free(content *content);

// crash.c
uint64_t draw(uint64_t *state);
// Writes to what is durable, or with `bytes` NULL cuts it at `offset`.
void durable_change(crash_file *file, const void *bytes, int64_t count, int64_t offset);
// On a disk over a directory: now and then the last change is durable, or a part of it, before anybody synced it.
void file_leak(crash_file *file);
// Puts onto the disk what a crash would leave of the changes, and forgets them.
void file_settle(crash_file *file, uint64_t seed);
void file_forget_changes(crash_file *file);
void change_apply(const change *change, crash_file *file);
void file_add_change(crash_file *file, const void *bytes, int64_t count, int64_t offset);

#endif
