#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gathering.h"

/// The most that SQLite ever asks of a layer at once: its own for Unix takes what is more for a full disk.
enum { buffer_bytes = 64 * 1024 };

/// What stands before each page in a WAL.
enum { frame_header_bytes = 24 };

/// How much is read ahead when a read begins so close behind the last one. Of a WAL, a checkpoint skips what later commits wrote
/// anew.
enum { ahead_bytes = 16 * 1024, ahead_gap = 4 * 1024 };

struct conclave_gathering {
    sqlite3_vfs vfs;
    sqlite3_vfs *base;
    bool takes_database;
    char name[48];
};

/// A WAL or a database. Behind it lies the file of the layer below.
typedef struct {
    sqlite3_file methods;
    sqlite3_file *below;
    bool is_wal;

    /// What is written and not handed on, and where in the file it belongs.
    unsigned char *gathered;
    sqlite3_int64 start;
    int count;
    /// Of a database, whether it is being copied into from the WAL.
    bool is_checkpoint;
    /// Of a WAL, whether the next page is the last of a commit.
    bool ends_commit;
    /// What went wrong when SQLite did not listen; told with the next call.
    int failure;
    /// Where the newest frame of a WAL ends, and up to where the file surely reaches.
    sqlite3_int64 frontier, reach;

    /// What was read ahead, and where it stands; where the last read ended.
    unsigned char *ahead;
    sqlite3_int64 ahead_start;
    int ahead_count;
    sqlite3_int64 read_end;
} gathered_file;

static gathered_file *gathered_of(sqlite3_file *opened) { return (gathered_file *)opened; }

static sqlite3_int64 larger(sqlite3_int64 a, sqlite3_int64 b) { return a > b ? a : b; }

static int write_below(gathered_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    int code = file->below->pMethods->xWrite(file->below, bytes, count, offset);
    if (code == SQLITE_OK) file->reach = larger(file->reach, offset + count);
    return code;
}

/// Whatever comes of it, the buffer is empty then: after an error SQLite writes the transaction again, or never.
static int hand_on(gathered_file *file) {
    int code = file->failure;
    file->failure = SQLITE_OK;
    int count = file->count;
    file->count = 0;
    if (code != SQLITE_OK || count == 0) return code;
    return write_below(file, file->gathered, count, file->start);
}

/// Frames that are added to a WAL, and pages that are copied from it, come one behind another. A frame that is written anew may
/// be the last thing that a commit writes, so it goes out at once.
static bool may_gather(gathered_file *file, int count, sqlite3_int64 offset) {
    if (count > buffer_bytes) return false;
    return file->is_wal ? offset >= file->frontier : file->is_checkpoint;
}

static int gather(gathered_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    if (file->count > 0 && (offset != file->start + file->count || file->count + count > buffer_bytes)) {
        int code = hand_on(file);
        if (code != SQLITE_OK) return code;
    }
    if (file->count == 0) file->start = offset;
    memcpy(file->gathered + file->count, bytes, (size_t)count);
    file->count += count;
    return SQLITE_OK;
}

/// The header of a commit's last frame says how large the database is then.
static bool is_end_of_commit(const unsigned char *frame) { return frame[4] | frame[5] | frame[6] | frame[7]; }

static int write_through(gathered_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    int code = hand_on(file);
    return code == SQLITE_OK ? write_below(file, bytes, count, offset) : code;
}

static int file_write(sqlite3_file *opened, const void *bytes, int count, sqlite3_int64 offset) {
    gathered_file *file = gathered_of(opened);
    file->ahead_count = 0;
    // The WAL begins anew.
    if (offset == 0) file->frontier = 0;
    bool is_whole = file->ends_commit;
    file->ends_commit = file->is_wal && count == frame_header_bytes && is_end_of_commit(bytes);
    bool gathers = may_gather(file, count, offset);
    int code = gathers ? gather(file, bytes, count, offset) : write_through(file, bytes, count, offset);
    if (code != SQLITE_OK || !file->is_wal) return code;
    file->frontier = larger(file->frontier, offset + count);
    // Other processes may read it, and it outlives this one.
    return is_whole ? hand_on(file) : SQLITE_OK;
}

static int file_close(sqlite3_file *opened) {
    gathered_file *file = gathered_of(opened);
    int handed = hand_on(file);
    free(file->gathered);
    free(file->ahead);
    int closed = file->below->pMethods->xClose(file->below);
    return handed == SQLITE_OK ? closed : handed;
}

/// Reads more than is asked for, as far as this connection knows of the file; false when there is no more, or an error.
static bool read_ahead(gathered_file *file, int count, sqlite3_int64 offset) {
    sqlite3_int64 most = file->reach - offset;
    if (most > ahead_bytes) most = ahead_bytes;
    if (most <= count) return false;
    int code = file->below->pMethods->xRead(file->below, file->ahead, (int)most, offset);
    file->ahead_start = offset;
    file->ahead_count = code == SQLITE_OK ? (int)most : 0;
    return code == SQLITE_OK;
}

/// What follows the last read, as in a checkpoint or along the pages of a large row, is read many pages at a time. Nobody else
/// writes the file, and each write of this connection forgets what was read ahead.
static int file_read(sqlite3_file *opened, void *bytes, int count, sqlite3_int64 offset) {
    gathered_file *file = gathered_of(opened);
    int code = hand_on(file);
    if (code != SQLITE_OK) return code;
    sqlite3_int64 gap = offset - file->read_end;
    file->read_end = offset + count;
    bool is_there = offset >= file->ahead_start && offset + count <= file->ahead_start + file->ahead_count;
    if (!is_there && gap >= 0 && gap <= ahead_gap) is_there = read_ahead(file, count, offset);
    if (!is_there) return file->below->pMethods->xRead(file->below, bytes, count, offset);
    memcpy(bytes, file->ahead + (offset - file->ahead_start), (size_t)count);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *opened, sqlite3_int64 size) {
    gathered_file *file = gathered_of(opened);
    int code = hand_on(file);
    file->ahead_count = 0;
    if (file->reach > size) file->reach = size;
    return code == SQLITE_OK ? file->below->pMethods->xTruncate(file->below, size) : code;
}

/// SQLite asks for no answer when a checkpoint has copied: what went wrong then, the cut or the sync that follows tells.
static int file_control(sqlite3_file *opened, int operation, void *argument) {
    gathered_file *file = gathered_of(opened);
    if (operation == SQLITE_FCNTL_CKPT_START) file->is_checkpoint = true;
    if (operation == SQLITE_FCNTL_CKPT_DONE) {
        file->is_checkpoint = false;
        file->failure = hand_on(file);
    }
    return file->below->pMethods->xFileControl(file->below, operation, argument);
}

// Everything else is asked of the file as it would be without the buffers.

static int file_sync(sqlite3_file *opened, int flags) {
    int code = hand_on(gathered_of(opened));
    sqlite3_file *below = gathered_of(opened)->below;
    return code == SQLITE_OK ? below->pMethods->xSync(below, flags) : code;
}

static int file_size(sqlite3_file *opened, sqlite3_int64 *size) {
    int code = hand_on(gathered_of(opened));
    sqlite3_file *below = gathered_of(opened)->below;
    return code == SQLITE_OK ? below->pMethods->xFileSize(below, size) : code;
}

static int file_lock(sqlite3_file *opened, int level) {
    sqlite3_file *below = gathered_of(opened)->below;
    return below->pMethods->xLock(below, level);
}

static int file_unlock(sqlite3_file *opened, int level) {
    sqlite3_file *below = gathered_of(opened)->below;
    return below->pMethods->xUnlock(below, level);
}

static int file_reserved(sqlite3_file *opened, int *reserved) {
    sqlite3_file *below = gathered_of(opened)->below;
    return below->pMethods->xCheckReservedLock(below, reserved);
}

static int file_sector(sqlite3_file *opened) {
    sqlite3_file *below = gathered_of(opened)->below;
    return below->pMethods->xSectorSize(below);
}

static int file_device(sqlite3_file *opened) {
    sqlite3_file *below = gathered_of(opened)->below;
    return below->pMethods->xDeviceCharacteristics(below);
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
};

static sqlite3_vfs *base_of(sqlite3_vfs *vfs) { return ((conclave_gathering *)vfs->pAppData)->base; }

static bool takes(sqlite3_vfs *vfs, int flags) {
    if (flags & SQLITE_OPEN_WAL) return true;
    return (flags & SQLITE_OPEN_MAIN_DB) && ((conclave_gathering *)vfs->pAppData)->takes_database;
}

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *opened, int flags, int *given) {
    sqlite3_vfs *base = base_of(vfs);
    if (!takes(vfs, flags)) return base->xOpen(base, name, opened, flags, given);
    gathered_file *file = gathered_of(opened);
    memset(file, 0, sizeof *file);
    file->is_wal = flags & SQLITE_OPEN_WAL;
    file->below = (sqlite3_file *)(file + 1);
    file->below->pMethods = NULL;
    int code = base->xOpen(base, name, file->below, flags, given);
    if (code == SQLITE_OK) {
        file->gathered = malloc(buffer_bytes);
        file->ahead = malloc(ahead_bytes);
        if (!file->gathered || !file->ahead) code = SQLITE_NOMEM;
    }
    if (code == SQLITE_OK) {
        file->methods.pMethods = &file_methods;
        return SQLITE_OK;
    }
    if (file->below->pMethods) file->below->pMethods->xClose(file->below);
    free(file->gathered);
    free(file->ahead);
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

conclave_gathering *conclave_gathering_begin(const char *base, bool takes_database) {
    sqlite3_vfs *below = sqlite3_vfs_find(base);
    conclave_gathering *gathering = below ? calloc(1, sizeof *gathering) : NULL;
    if (!gathering) return NULL;
    gathering->base = below;
    gathering->takes_database = takes_database;
    // The address makes it the only one of its name.
    snprintf(gathering->name, sizeof gathering->name, "conclave-gathering-%p", (void *)gathering);
    gathering->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(gathered_file) + below->szOsFile,
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
