#include <stddef.h>
#include <stdint.h>

// libFuzzer as a library; its own header is C++.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*body)(const uint8_t *data, size_t size));
