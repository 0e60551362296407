#ifndef CONCLAVE_GATHERING_H
#define CONCLAVE_GATHERING_H

#include <stdbool.h>

/// A SQLite file layer over another, for a database that only one connection writes: what a commit adds to the WAL is handed on
/// in one piece, at the latest with its last page, instead of two for each page, and a checkpoint reads many frames at a time.
typedef struct conclave_gathering conclave_gathering;

/// Registers a layer over the one named `base`; the system's when that is null. Null without memory or such a layer.
///
/// - Parameter takes_database: whether a checkpoint also writes many pages at a time, and rows of many pages are read so. Only for
///   a connection that has the database to itself (`locking_mode` EXCLUSIVE, set before WAL).
conclave_gathering *conclave_gathering_begin(const char *base, bool takes_database);
/// What to open databases with.
const char *conclave_gathering_name(const conclave_gathering *gathering);
/// To be called when what was opened with it is closed.
void conclave_gathering_end(conclave_gathering *gathering);

#endif
