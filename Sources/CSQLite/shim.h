#include <sqlite3.h>

// Variadic in C, so Swift needs a plain function: closing a connection leaves the WAL as it is.
static inline int conclave_sqlite3_keep_wal_on_close(sqlite3 *database) {
    return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
