#include <stdlib.h>
#include <string.h>

#include "disk.h"

// What the disk writes as one.
enum { SECTOR_BYTES = 512 };

uint64_t draw(uint64_t *state) {
    uint64_t value = *state += 0x9E3779B97F4A7C15u;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

// MARK: - Changes

void file_add_change(crash_file *file, const void *bytes, int64_t count, int64_t offset) {
    if (file->change_count == file->change_room) {
        file->change_room = file->change_room * 2 + 16;
        file->changes = realloc(file->changes, file->change_room * sizeof *file->changes);
    }
    change added = {.offset = offset, .count = count, .data = NULL};
    if (bytes) {
        added.data = malloc((size_t)count + 1);
        memcpy(added.data, bytes, (size_t)count);
    }
    file->changes[file->change_count++] = added;
}

void durable_change(crash_file *file, const void *bytes, int64_t count, int64_t offset) {
    if (file->disk->is_over_directory) {
        bytes ? under_write(file, bytes, count, offset) : under_truncate(file, offset);
    } else {
        bytes ? content_write(&file->durable, bytes, count, offset) : content_truncate(&file->durable, offset);
    }
}

void change_apply(const change *change, crash_file *file) {
    durable_change(file, change->data, change->count, change->offset);
}

void file_forget_changes(crash_file *file) {
    for (size_t i = 0; i < file->change_count; i++) free(file->changes[i].data);
    file->change_count = 0;
}

// MARK: - What a crash leaves of them

// Each sector that the write touches is kept or lost by itself.
static void change_tear(const change *change, crash_file *file, uint64_t *state) {
    int64_t from = change->offset;
    int64_t end = change->offset + change->count;
    while (from < end) {
        int64_t to = (from / SECTOR_BYTES + 1) * SECTOR_BYTES;
        if (to > end) to = end;
        if (draw(state) & 1) durable_change(file, change->data + (from - change->offset), to - from, from);
        from = to;
    }
}

static void change_settle(const change *change, crash_file *file, uint64_t *state) {
    uint64_t fate = draw(state) % 3;
    if (fate == 0) return;
    if (fate == 1 || !change->data) {
        change_apply(change, file);
    } else {
        change_tear(change, file, state);
    }
}

void file_settle(crash_file *file, uint64_t seed) {
    uint64_t state = seed;
    uint64_t kind = draw(&state) % 4;
    size_t count = file->change_count;
    // All, none, a first part with its last write torn, or any of them.
    size_t whole = kind == 0 ? count : kind == 1 && count > 0 ? draw(&state) % count : 0;
    for (size_t i = 0; i < count; i++) {
        const change *change = &file->changes[i];
        if (i < whole) {
            change_apply(change, file);
        } else if (kind == 3 || (kind == 1 && i == whole)) {
            change_settle(change, file, &state);
        }
    }
    file_forget_changes(file);
}

void file_leak(crash_file *file) {
    const change *last = &file->changes[file->change_count - 1];
    // A cut that came early would take the space that is reserved for the writes before it.
    if (last->data && draw(&file->disk->chance) % 8 == 0) change_settle(last, file, &file->disk->chance);
}

static char *copy_name(const char *name) { return name ? strdup(name) : NULL; }

static void copy_file(crash_disk *disk, const crash_file *other, crash_disk_crash crash, uint64_t *state) {
    bool keeps_new_name = crash == CRASH_DISK_PROCESS_KILLED || (draw(state) & 1);
    const char *path = keeps_new_name ? other->path : other->durable_path;
    if (!path && !(crash == CRASH_DISK_PROCESS_KILLED && other->durable_path)) return;
    // A journal deleted and made anew: the newer one stands.
    if (path && disk_find(disk, path)) return;
    crash_file *file = disk_add(disk, path);
    file->durable = content_copy(&other->durable);
    for (size_t i = 0; i < other->change_count; i++) {
        const change *change = &other->changes[i];
        file_add_change(file, change->data, change->count, change->offset);
    }
    if (crash == CRASH_DISK_PROCESS_KILLED) {
        file->sync_links = other->sync_links;
        file->durable_path = copy_name(other->durable_path);
        file->current = content_copy(&other->current);
    } else {
        file->durable_path = copy_name(path);
        file_settle(file, draw(state));
        file->current = content_copy(&file->durable);
    }
}

void crash_disk_become(crash_disk *disk, const crash_disk *other, crash_disk_crash crash, uint64_t seed) {
    while (disk->files) {
        crash_file *file = disk->files;
        if (file->open_count > 0) abort();
        free(file->path);
        free(file->durable_path);
        file->path = file->durable_path = NULL;
        disk_release(file);
    }
    uint64_t state = seed;
    disk->capacity = INT64_MAX;
    disk->syncs_until_failure = -1;
    for (const crash_file *file = other->files; file; file = file->next) {
        if (!file->is_temporary) copy_file(disk, file, crash, &state);
    }
}
