#include <stdlib.h>
#include <string.h>

#include "disk.h"

// MARK: - Names

crash_file *disk_find(const crash_disk *disk, const char *path) {
    for (crash_file *file = disk->files; file; file = file->next) {
        if (file->path && strcmp(file->path, path) == 0) return file;
    }
    return NULL;
}

crash_file *disk_look_up(crash_disk *disk, const char *path) {
    crash_file *file = disk_find(disk, path);
    return file || !disk->is_over_directory ? file : under_find(disk, path);
}

crash_file *disk_add(crash_disk *disk, const char *path) {
    crash_file *file = calloc(1, sizeof *file);
    file->disk = disk;
    file->path = path ? strdup(path) : NULL;
    file->descriptor = -1;
    file->next = disk->files;
    disk->files = file;
    return file;
}

// Forgets a file that is not open and has no name, now or on the disk.
void disk_release(crash_file *file) {
    if (file->open_count > 0 || file->path || file->durable_path) return;
    crash_file **link = &file->disk->files;
    while (*link != file) link = &(*link)->next;
    *link = file->next;
    file_forget_changes(file);
    free(file->changes);
    under_close(file);
    content_free(&file->durable);
    content_free(&file->current);
    free(file);
}

static void make_name_durable(crash_file *file) {
    if (file->disk->is_over_directory) under_name(file);
    free(file->durable_path);
    file->durable_path = file->path ? strdup(file->path) : NULL;
}

static void announce(crash_disk *disk, crash_disk_operation operation) {
    if (disk->hook) disk->hook(disk->context, operation);
}

int crash_disk_sync_directory(crash_disk *disk) {
    announce(disk, CRASH_DISK_SYNC_DIRECTORY);
    crash_file *next;
    for (crash_file *file = disk->files; file; file = next) {
        next = file->next;
        make_name_durable(file);
        disk_release(file);
    }
    return SQLITE_OK;
}

int disk_delete(crash_disk *disk, const char *path, bool durably) {
    crash_file *file = disk_look_up(disk, path);
    if (!file) return SQLITE_IOERR_DELETE_NOENT;
    announce(disk, CRASH_DISK_DELETE);
    free(file->path);
    file->path = NULL;
    disk_release(file);
    return durably ? crash_disk_sync_directory(disk) : SQLITE_OK;
}

int64_t crash_disk_size(crash_disk *disk, const char *path) {
    crash_file *file = disk_look_up(disk, path);
    return file ? file->current.size : -1;
}

int crash_disk_remove(crash_disk *disk, const char *path) {
    return disk_look_up(disk, path) ? disk_delete(disk, path, true) : SQLITE_OK;
}

int crash_disk_rename(crash_disk *disk, const char *path, const char *other) {
    crash_file *file = disk_look_up(disk, path);
    if (!file) return SQLITE_OK;
    if (disk_look_up(disk, other)) disk_delete(disk, other, false);
    announce(disk, CRASH_DISK_RENAME);
    free(file->path);
    file->path = strdup(other);
    return SQLITE_OK;
}

// MARK: - Content

int crash_file_open(crash_disk *disk, const char *path, crash_file **opened) {
    crash_file *file = path ? disk_look_up(disk, path) : NULL;
    if (!file) {
        if (path) announce(disk, CRASH_DISK_CREATE);
        file = disk_add(disk, path);
        file->is_temporary = !path;
        if (path && disk->is_over_directory && !under_create(file)) return SQLITE_CANTOPEN;
    }
    file->open_count += 1;
    *opened = file;
    return SQLITE_OK;
}

void crash_file_close(crash_file *file) {
    file->open_count -= 1;
    disk_release(file);
}

int crash_file_read(crash_file *file, void *bytes, int64_t count, int64_t offset) {
    int64_t there = file->current.size - offset;
    if (there > count) there = count;
    if (there < 0) there = 0;
    if (there > 0) memcpy(bytes, file->current.bytes + offset, (size_t)there);
    memset((uint8_t *)bytes + there, 0, (size_t)(count - there));
    return there == count ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static bool has_space(crash_file *file, int64_t size) {
    if (file->disk->is_over_directory) return under_reserve(file, size);
    int64_t growth = size - file->current.size;
    return growth <= 0 || crash_disk_used(file->disk) <= file->disk->capacity - growth;
}

static int file_change(crash_file *file, const void *bytes, int64_t count, int64_t offset) {
    if (!file->is_temporary) {
        announce(file->disk, bytes ? CRASH_DISK_WRITE : CRASH_DISK_TRUNCATE);
        if (!has_space(file, offset + count)) return SQLITE_FULL;
        file_add_change(file, bytes, count, offset);
        if (file->disk->is_over_directory) file_leak(file);
    }
    if (bytes) {
        content_write(&file->current, bytes, count, offset);
    } else {
        content_truncate(&file->current, offset);
    }
    return SQLITE_OK;
}

int crash_file_write(crash_file *file, const void *bytes, int64_t count, int64_t offset) {
    return file_change(file, bytes, count, offset);
}

int file_truncate(crash_file *file, int64_t size) { return file_change(file, NULL, 0, size); }

int crash_file_extend(crash_file *file, int64_t size) {
    return file->current.size < size ? file_truncate(file, size) : SQLITE_OK;
}

int crash_file_sync(crash_file *file) {
    if (file->is_temporary) return SQLITE_OK;
    crash_disk *disk = file->disk;
    announce(disk, CRASH_DISK_SYNC);
    if (disk->syncs_until_failure >= 0 && disk->syncs_until_failure-- == 0) {
        file_settle(file, disk->failure_seed);
        return SQLITE_IOERR_FSYNC;
    }
    for (size_t i = 0; i < file->change_count; i++) change_apply(&file->changes[i], file);
    file_forget_changes(file);
    if (file->sync_links) make_name_durable(file);
    file->sync_links = false;
    return SQLITE_OK;
}

// MARK: - Settings

void crash_disk_set_hook(crash_disk *disk, void (*hook)(void *, crash_disk_operation), void *context) {
    disk->hook = hook;
    disk->context = context;
}

void crash_disk_fail_sync(crash_disk *disk, int64_t syncs, uint64_t seed) {
    disk->syncs_until_failure = syncs;
    disk->failure_seed = seed;
}

void crash_disk_set_capacity(crash_disk *disk, int64_t bytes) { disk->capacity = bytes; }

int64_t crash_disk_used(const crash_disk *disk) {
    int64_t used = 0;
    for (const crash_file *file = disk->files; file; file = file->next) used += file->current.size;
    return used;
}
