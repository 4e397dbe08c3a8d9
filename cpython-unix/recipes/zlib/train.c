/* What zlib's profile is made from: the files named, one after the other, are packed at every level and unpacked again,
   in pieces as large as CPython's buffers are and in small ones, as zlib, gzip and raw stream; checksums are taken of
   them. Fails when they do not come back. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zlib.h"

#define LARGEST (4u << 20)

static unsigned char original[LARGEST], packed[2 * LARGEST], unpacked[LARGEST];

/* Memory that is the same each time: what is left in it must not change what is counted. */
static voidpf zeroed(voidpf opaque, uInt items, uInt size) {
    (void)opaque;
    return calloc(items, size);
}

static void release(voidpf opaque, voidpf memory) {
    (void)opaque;
    free(memory);
}

static void require(int right, const char *what) {
    if (!right) {
        fprintf(stderr, "train: %s\n", what);
        exit(1);
    }
}

static uLong pack(int level, int format, uInt length, uInt piece) {
    z_stream stream = {.zalloc = zeroed, .zfree = release};
    int status;

    require(deflateInit2(&stream, level, Z_DEFLATED, format, 8, Z_DEFAULT_STRATEGY) == Z_OK, "deflateInit2");
    stream.next_in = original;
    stream.next_out = packed;
    do {
        uInt rest = length - (uInt)stream.total_in;
        stream.avail_in = rest < piece ? rest : piece;
        stream.avail_out = (uInt)(sizeof packed - stream.total_out);
        status = deflate(&stream, rest <= piece ? Z_FINISH : Z_NO_FLUSH);
    } while (status == Z_OK);
    require(status == Z_STREAM_END, "deflate");
    deflateEnd(&stream);
    return stream.total_out;
}

static void unpack(int format, uLong size, uInt length, uInt piece) {
    z_stream stream = {.zalloc = zeroed, .zfree = release};
    int status;

    require(inflateInit2(&stream, format) == Z_OK, "inflateInit2");
    stream.next_in = packed;
    stream.avail_in = (uInt)size;
    stream.next_out = unpacked;
    do {
        uInt rest = length - (uInt)stream.total_out;
        stream.avail_out = rest < piece ? rest : piece;
        status = inflate(&stream, Z_SYNC_FLUSH);
    } while (status == Z_OK);
    require(status == Z_STREAM_END && stream.total_out == length, "inflate");
    require(memcmp(original, unpacked, length) == 0, "what was packed does not come back");
    inflateEnd(&stream);
}

int main(int count, char **names) {
    static const int formats[] = {15, 15 + 16, -15};
    static const uInt pieces[] = {1u << 14, 1u << 16, 1000};
    uInt all = 0;
    uLong sum = 0;

    for (int i = 1; i < count; i++) {
        FILE *file = fopen(names[i], "rb");
        require(file != NULL, names[i]);
        all += (uInt)fread(original + all, 1, sizeof original - all, file);
        fclose(file);
    }
    require(all > 1u << 19, "half a megabyte of files is expected");
    for (uInt length = all; length > 1000; length /= 16) {
        for (int level = 1; level <= 9; level++) {
            uLong size = pack(level, formats[level % 3], length, pieces[level / 3 % 3]);
            for (int j = 0; j < 3; j++)
                unpack(formats[level % 3], size, length, pieces[j]);
        }
        sum += crc32(0, original, length) + adler32(1, original, length);
    }
    printf("%u bytes, sum of checksums %lx\n", all, sum);
    return 0;
}
