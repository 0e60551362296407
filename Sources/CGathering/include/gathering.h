#ifndef CONCLAVE_GATHERING_H
#define CONCLAVE_GATHERING_H

/// A SQLite file layer over another, for a database that one connection has to itself and that syncs with every commit: what
/// is written to the end of its WAL is handed on in one piece, at the latest with the sync, instead of two for each page.
typedef struct conclave_gathering conclave_gathering;

/// Registers a layer over the one named `base`; the system's when that is null. Null without memory or such a layer.
conclave_gathering *conclave_gathering_begin(const char *base);
/// What to open databases with.
const char *conclave_gathering_name(const conclave_gathering *gathering);
/// To be called when what was opened with it is closed.
void conclave_gathering_end(conclave_gathering *gathering);

#endif
