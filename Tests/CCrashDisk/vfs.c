#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"

typedef struct {
    sqlite3_file base;
    crash_file *file;
} open_file;

static crash_file *file_of(sqlite3_file *file) { return ((open_file *)file)->file; }

// MARK: - Files

static int file_close(sqlite3_file *file) {
    crash_file_close(file_of(file));
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    return crash_file_read(file_of(file), bytes, count, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    return crash_file_write(file_of(file), bytes, count, offset);
}

static int file_cut(sqlite3_file *file, sqlite3_int64 size) { return file_truncate(file_of(file), size); }

static int file_sync(sqlite3_file *file, int flags) {
    (void)flags;
    return crash_file_sync(file_of(file));
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    *size = file_of(file)->current.size;
    return SQLITE_OK;
}

// One connection per file: what keeps others out is the lock on the directory.
static int file_lock(sqlite3_file *file, int level) {
    (void)file, (void)level;
    return SQLITE_OK;
}

static int file_reserved(sqlite3_file *file, int *reserved) {
    (void)file;
    *reserved = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
    (void)file;
    if (operation != SQLITE_FCNTL_PERSIST_WAL) return SQLITE_NOTFOUND;
    // A close leaves the WAL as it is.
    *(int *)argument = 1;
    return SQLITE_OK;
}

// As SQLite's own VFS on Linux has them.
static int file_sector(sqlite3_file *file) {
    (void)file;
    return 4096;
}

static int file_traits(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// MARK: - The WAL index

static int shared_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **memory) {
    if (region >= 64) return SQLITE_IOERR_SHMMAP;
    void **slot = &file_of(file)->shared[region];
    if (!*slot && extend) *slot = calloc(1, (size_t)bytes);
    *memory = *slot;
    return SQLITE_OK;
}

static int shared_lock(sqlite3_file *file, int offset, int count, int flags) {
    (void)file, (void)offset, (void)count, (void)flags;
    return SQLITE_OK;
}

static void shared_barrier(sqlite3_file *file) {
    (void)file;
    atomic_thread_fence(memory_order_seq_cst);
}

static int shared_unmap(sqlite3_file *file, int deletes) {
    (void)deletes;
    crash_file *mapped = file_of(file);
    for (int region = 0; region < 64; region++) {
        free(mapped->shared[region]);
        mapped->shared[region] = NULL;
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_cut,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = shared_map,
    .xShmLock = shared_lock,
    .xShmBarrier = shared_barrier,
    .xShmUnmap = shared_unmap,
};

// MARK: - The disk as a VFS

static crash_disk *disk_of(sqlite3_vfs *vfs) { return vfs->pAppData; }

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags) {
    crash_disk *disk = disk_of(vfs);
    file->pMethods = NULL;
    bool is_new = path && !disk_look_up(disk, path);
    if (is_new && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
    crash_file **opened = &((open_file *)file)->file;
    int code = crash_file_open(disk, path, opened);
    if (code != SQLITE_OK) return code;
    if (is_new) (*opened)->sync_links = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL);
    file->pMethods = &methods;
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int durably) {
    return disk_delete(disk_of(vfs), path, durably != 0);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int question, int *answer) {
    (void)question;
    *answer = disk_look_up(disk_of(vfs), path) != NULL;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int room, char *full) {
    (void)vfs;
    return snprintf(full, (size_t)room, "%s", path) < room ? SQLITE_OK : SQLITE_CANTOPEN;
}

// The rest does not concern the disk.

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *bytes) {
    (void)vfs;
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    return system->xRandomness(system, count, bytes);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, double *days) {
    (void)vfs;
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    return system->xCurrentTime(system, days);
}

static int vfs_last_error(sqlite3_vfs *vfs, int room, char *text) {
    (void)vfs, (void)room, (void)text;
    return 0;
}

crash_disk *crash_disk_create(void) {
    static atomic_uint created;
    crash_disk *disk = calloc(1, sizeof *disk);
    snprintf(disk->name, sizeof disk->name, "crash-disk-%u", atomic_fetch_add(&created, 1));
    disk->capacity = INT64_MAX;
    disk->syncs_until_failure = -1;
    disk->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(open_file),
        .mxPathname = 1024,
        .zName = disk->name,
        .pAppData = disk,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    sqlite3_vfs_register(&disk->vfs, 0);
    return disk;
}

crash_disk *crash_disk_create_over_directory(uint64_t seed) {
    crash_disk *disk = crash_disk_create();
    disk->is_over_directory = true;
    disk->chance = seed;
    return disk;
}

const char *crash_disk_vfs_name(const crash_disk *disk) { return disk->name; }

void crash_disk_free(crash_disk *disk) {
    sqlite3_vfs_unregister(&disk->vfs);
    crash_disk nothing = {.files = NULL};
    crash_disk_become(disk, &nothing, CRASH_DISK_PROCESS_KILLED, 0);
    free(disk);
}
