#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gathering.h"

/// The most that SQLite ever asks of a layer at once: its own for Unix takes what is more for a full disk.
enum { buffer_bytes = 64 * 1024 };

struct conclave_gathering {
    sqlite3_vfs vfs;
    sqlite3_vfs *base;
    char name[48];
};

/// A WAL. Behind it lies the file of the layer below.
typedef struct {
    sqlite3_file methods;
    sqlite3_file *below;
    unsigned char *buffer;
    /// Where in the file the buffer begins, and how much it holds.
    sqlite3_int64 start;
    int count;
} wal_file;

static wal_file *wal_of(sqlite3_file *file) { return (wal_file *)file; }

/// Whatever comes of it, the buffer is empty then: after an error SQLite writes the transaction again, or never.
static int hand_on(wal_file *wal) {
    if (wal->count == 0) return SQLITE_OK;
    int count = wal->count;
    wal->count = 0;
    return wal->below->pMethods->xWrite(wal->below, wal->buffer, count, wal->start);
}

static int wal_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    wal_file *wal = wal_of(file);
    if (wal->count > 0 && (offset != wal->start + wal->count || wal->count + count > buffer_bytes)) {
        int code = hand_on(wal);
        if (code != SQLITE_OK) return code;
    }
    if (count > buffer_bytes) return wal->below->pMethods->xWrite(wal->below, bytes, count, offset);
    if (wal->count == 0) wal->start = offset;
    memcpy(wal->buffer + wal->count, bytes, (size_t)count);
    wal->count += count;
    return SQLITE_OK;
}

static int wal_close(sqlite3_file *file) {
    wal_file *wal = wal_of(file);
    int handed = hand_on(wal);
    free(wal->buffer);
    int closed = wal->below->pMethods->xClose(wal->below);
    return handed == SQLITE_OK ? closed : handed;
}

// Everything else is asked of the file as it would be without the buffer.

static int wal_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    int code = hand_on(wal_of(file));
    sqlite3_file *below = wal_of(file)->below;
    return code == SQLITE_OK ? below->pMethods->xRead(below, bytes, count, offset) : code;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int code = hand_on(wal_of(file));
    sqlite3_file *below = wal_of(file)->below;
    return code == SQLITE_OK ? below->pMethods->xTruncate(below, size) : code;
}

static int wal_sync(sqlite3_file *file, int flags) {
    int code = hand_on(wal_of(file));
    sqlite3_file *below = wal_of(file)->below;
    return code == SQLITE_OK ? below->pMethods->xSync(below, flags) : code;
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size) {
    int code = hand_on(wal_of(file));
    sqlite3_file *below = wal_of(file)->below;
    return code == SQLITE_OK ? below->pMethods->xFileSize(below, size) : code;
}

static int wal_lock(sqlite3_file *file, int level) {
    sqlite3_file *below = wal_of(file)->below;
    return below->pMethods->xLock(below, level);
}

static int wal_unlock(sqlite3_file *file, int level) {
    sqlite3_file *below = wal_of(file)->below;
    return below->pMethods->xUnlock(below, level);
}

static int wal_reserved(sqlite3_file *file, int *reserved) {
    sqlite3_file *below = wal_of(file)->below;
    return below->pMethods->xCheckReservedLock(below, reserved);
}

static int wal_control(sqlite3_file *file, int operation, void *argument) {
    sqlite3_file *below = wal_of(file)->below;
    return below->pMethods->xFileControl(below, operation, argument);
}

static int wal_sector(sqlite3_file *file) {
    sqlite3_file *below = wal_of(file)->below;
    return below->pMethods->xSectorSize(below);
}

static int wal_device(sqlite3_file *file) {
    sqlite3_file *below = wal_of(file)->below;
    return below->pMethods->xDeviceCharacteristics(below);
}

static const sqlite3_io_methods wal_methods = {
    .iVersion = 1,
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_reserved,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector,
    .xDeviceCharacteristics = wal_device,
};

static sqlite3_vfs *base_of(sqlite3_vfs *vfs) { return ((conclave_gathering *)vfs->pAppData)->base; }

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *opened) {
    sqlite3_vfs *base = base_of(vfs);
    if (!(flags & SQLITE_OPEN_WAL)) return base->xOpen(base, name, file, flags, opened);
    wal_file *wal = wal_of(file);
    memset(wal, 0, sizeof *wal);
    wal->below = (sqlite3_file *)(wal + 1);
    wal->below->pMethods = NULL;
    int code = base->xOpen(base, name, wal->below, flags, opened);
    if (code == SQLITE_OK && !(wal->buffer = malloc(buffer_bytes))) code = SQLITE_NOMEM;
    if (code == SQLITE_OK) {
        wal->methods.pMethods = &wal_methods;
    } else if (wal->below->pMethods) {
        wal->below->pMethods->xClose(wal->below);
    }
    return code;
}

static int layer_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    return base_of(vfs)->xDelete(base_of(vfs), name, sync);
}

static int layer_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    return base_of(vfs)->xAccess(base_of(vfs), name, flags, result);
}

static int layer_full_name(sqlite3_vfs *vfs, const char *name, int count, char *full) {
    return base_of(vfs)->xFullPathname(base_of(vfs), name, count, full);
}

static int layer_random(sqlite3_vfs *vfs, int count, char *bytes) {
    return base_of(vfs)->xRandomness(base_of(vfs), count, bytes);
}

static int layer_sleep(sqlite3_vfs *vfs, int span) { return base_of(vfs)->xSleep(base_of(vfs), span); }

static int layer_time(sqlite3_vfs *vfs, double *time) { return base_of(vfs)->xCurrentTime(base_of(vfs), time); }

static int layer_error(sqlite3_vfs *vfs, int count, char *text) {
    return base_of(vfs)->xGetLastError ? base_of(vfs)->xGetLastError(base_of(vfs), count, text) : 0;
}

conclave_gathering *conclave_gathering_begin(const char *base) {
    sqlite3_vfs *below = sqlite3_vfs_find(base);
    conclave_gathering *gathering = below ? calloc(1, sizeof *gathering) : NULL;
    if (!gathering) return NULL;
    gathering->base = below;
    // The address makes it the only one of its name.
    snprintf(gathering->name, sizeof gathering->name, "conclave-gathering-%p", (void *)gathering);
    gathering->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(wal_file) + below->szOsFile,
        .mxPathname = below->mxPathname,
        .zName = gathering->name,
        .pAppData = gathering,
        .xOpen = layer_open,
        .xDelete = layer_delete,
        .xAccess = layer_access,
        .xFullPathname = layer_full_name,
        .xRandomness = layer_random,
        .xSleep = layer_sleep,
        .xCurrentTime = layer_time,
        .xGetLastError = layer_error,
    };
    if (sqlite3_vfs_register(&gathering->vfs, 0) != SQLITE_OK) {
        free(gathering);
        return NULL;
    }
    return gathering;
}

const char *conclave_gathering_name(const conclave_gathering *gathering) { return gathering->name; }

void conclave_gathering_end(conclave_gathering *gathering) {
    sqlite3_vfs_unregister(&gathering->vfs);
    free(gathering);
}
