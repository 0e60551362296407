#include "checksum.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <nmmintrin.h>
#include <string.h>

bool conclave_has_crc32c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_2);
}

__attribute__((target("sse4.2"))) uint32_t conclave_crc32c(const void *bytes, size_t count) {
    const unsigned char *next = bytes;
    uint64_t value = 0xFFFFFFFF;
    for (; count >= 8; count -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        value = _mm_crc32_u64(value, word);
    }
    for (; count > 0; count--, next++) value = _mm_crc32_u8((uint32_t)value, *next);
    return ~(uint32_t)value;
}

#else

bool conclave_has_crc32c(void) { return false; }

uint32_t conclave_crc32c(const void *bytes, size_t count) {
    (void)bytes, (void)count;
    return 0;
}

#endif
