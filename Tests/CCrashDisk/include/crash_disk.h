#ifndef CRASH_DISK_H
#define CRASH_DISK_H

#include <stdint.h>

// A disk in memory that knows which of its content was synced, and what a crash may do to the rest.
// SQLite reaches it as a VFS, other code through the file calls below. Calls return SQLite's result codes.

typedef struct crash_disk crash_disk;
typedef struct crash_file crash_file;

typedef enum : uint32_t {
    CRASH_DISK_CREATE,
    CRASH_DISK_WRITE,
    CRASH_DISK_TRUNCATE,
    CRASH_DISK_SYNC,
    CRASH_DISK_DELETE,
    CRASH_DISK_RENAME,
    CRASH_DISK_SYNC_DIRECTORY
} crash_disk_operation;

typedef enum : uint32_t {
    // The process ends; what it wrote is still on its way to the disk.
    CRASH_DISK_PROCESS_KILLED,
    // Of what was not synced, each write is kept, lost or torn into sectors.
    CRASH_DISK_POWER_LOST
} crash_disk_crash;

// An empty disk, registered as a VFS under a name of its own.
crash_disk *crash_disk_create(void);
// A disk whose paths are those of the file system, which holds what is durable of each file and nothing else: the end of
// this process, however it comes, is a loss of power. The seed decides what gets there before anybody synced it.
// Of the settings below, capacity is that of the file system; it cannot become what another disk was.
crash_disk *crash_disk_create_over_directory(uint64_t seed);
// Forgets a disk on which nothing is open any more.
void crash_disk_free(crash_disk *disk);
const char *crash_disk_vfs_name(const crash_disk *disk);

// Gives `disk`, on which nothing is open, what `other` would hold after a crash at this moment; the seed decides.
void crash_disk_become(crash_disk *disk, const crash_disk *other, crash_disk_crash crash, uint64_t seed);

// Has `hook` called before every operation that changes the disk.
void crash_disk_set_hook(crash_disk *disk, void (*hook)(void *context, crash_disk_operation), void *context);
// Has the sync after the next `syncs` ones fail. What it was for stays readable, counts as clean, and is on the disk in
// part or not at all: so does the page cache.
void crash_disk_fail_sync(crash_disk *disk, int64_t syncs, uint64_t seed);
// How many bytes all files may hold together.
void crash_disk_set_capacity(crash_disk *disk, int64_t bytes);
int64_t crash_disk_used(const crash_disk *disk);

// How many bytes the file holds; negative when there is none.
int64_t crash_disk_size(crash_disk *disk, const char *path);
// Takes a file's name away, durably; it must not be open.
int crash_disk_remove(crash_disk *disk, const char *path);
// Gives a file another name, in place of what had it; neither may be open. One that is not there stays so.
int crash_disk_rename(crash_disk *disk, const char *path, const char *other);

// Opens a file, created when it is missing.
int crash_file_open(crash_disk *disk, const char *path, crash_file **file);
void crash_file_close(crash_file *file);
int crash_file_read(crash_file *file, void *bytes, int64_t count, int64_t offset);
int crash_file_write(crash_file *file, const void *bytes, int64_t count, int64_t offset);
int crash_file_extend(crash_file *file, int64_t size);
int crash_file_sync(crash_file *file);
int crash_disk_sync_directory(crash_disk *disk);

#endif
