#include <stdlib.h>
#include <string.h>

#include "disk.h"

static void content_grow(content *content, int64_t size) {
    if (size > content->room) {
        int64_t room = content->room * 2 > size ? content->room * 2 : size + 4096;
        content->bytes = realloc(content->bytes, (size_t)room);
        content->room = room;
    }
    if (size > content->size) {
        memset(content->bytes + content->size, 0, (size_t)(size - content->size));
        content->size = size;
    }
}

void content_write(content *content, const void *bytes, int64_t count, int64_t offset) {
    if (count == 0) return;
    content_grow(content, offset + count);
    memcpy(content->bytes + offset, bytes, (size_t)count);
}

void content_truncate(content *content, int64_t size) {
    content_grow(content, size);
    content->size = size;
}

content content_copy(const content *other) {
    content copy = {0};
    if (other->size > 0) content_write(&copy, other->bytes, other->size, 0);
    return copy;
}

void content_free(content *content) {
    free(content->bytes);
    memset(content, 0, sizeof *content);
}
