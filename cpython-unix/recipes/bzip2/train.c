/* What bzip2's profile is made from: the files named, one after the other, are packed with small and large blocks and
   unpacked again, all at once and in pieces as large as CPython's buffers are. Fails when they do not come back. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bzlib.h"

#define LARGEST (4u << 20)
#define PIECE (1u << 15)

static char original[LARGEST], packed[2 * LARGEST], unpacked[LARGEST];

/* Memory that is the same each time: what is left in it must not change what is counted. */
static void *zeroed(void *opaque, int items, int size) {
    (void)opaque;
    return calloc((size_t)items, (size_t)size);
}

static void release(void *opaque, void *memory) {
    (void)opaque;
    free(memory);
}

static void require(int right, const char *what) {
    if (!right) {
        fprintf(stderr, "train: %s\n", what);
        exit(1);
    }
}

static unsigned pack(int level, unsigned length) {
    bz_stream stream = {.bzalloc = zeroed, .bzfree = release};
    int status;

    require(BZ2_bzCompressInit(&stream, level, 0, 0) == BZ_OK, "BZ2_bzCompressInit");
    stream.next_in = original;
    stream.avail_in = length;
    stream.next_out = packed;
    do {
        stream.avail_out = PIECE;
        status = BZ2_bzCompress(&stream, BZ_FINISH);
    } while (status == BZ_FINISH_OK);
    require(status == BZ_STREAM_END, "BZ2_bzCompress");
    unsigned size = stream.total_out_lo32;
    BZ2_bzCompressEnd(&stream);
    return size;
}

static void unpack(unsigned size, unsigned length, unsigned piece) {
    bz_stream stream = {.bzalloc = zeroed, .bzfree = release};
    int status;

    require(BZ2_bzDecompressInit(&stream, 0, 0) == BZ_OK, "BZ2_bzDecompressInit");
    stream.next_in = packed;
    stream.avail_in = size;
    stream.next_out = unpacked;
    do {
        unsigned rest = length - stream.total_out_lo32;
        stream.avail_out = rest < piece ? rest : piece;
        status = BZ2_bzDecompress(&stream);
    } while (status == BZ_OK);
    require(status == BZ_STREAM_END && stream.total_out_lo32 == length, "BZ2_bzDecompress");
    require(memcmp(original, unpacked, length) == 0, "what was packed does not come back");
    BZ2_bzDecompressEnd(&stream);
}

int main(int count, char **names) {
    unsigned all = 0;

    for (int i = 1; i < count; i++) {
        FILE *file = fopen(names[i], "rb");
        require(file != NULL, names[i]);
        all += (unsigned)fread(original + all, 1, sizeof original - all, file);
        fclose(file);
    }
    require(all > 1u << 19, "half a megabyte of files is expected");
    for (unsigned length = all; length > 1000; length /= 16) {
        for (int level = 1; level <= 9; level += 4) {
            unsigned size = pack(level, length);
            unpack(size, length, LARGEST);
            unpack(size, length, PIECE);
        }
    }
    printf("%u bytes\n", all);
    return 0;
}
