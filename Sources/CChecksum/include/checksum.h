#ifndef CONCLAVE_CHECKSUM_H
#define CONCLAVE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether this processor has an instruction for CRC-32C that the function below knows.
bool conclave_has_crc32c(void);
/// CRC-32C (Castagnoli) of `count` bytes. Only where there is the instruction.
uint32_t conclave_crc32c(const void *bytes, size_t count);

#endif
