# shellcheck shell=bash
# libuuid, the one library of util-linux that is wanted here. The configure script looks at all of util-linux for twenty
# times as long as these files compile, so it is not run: this is what they ask for, and what every Linux has.
have="
    ERR ERRX ERR_H JRAND48 LANGINFO_H LIBPTHREAD LOCALE_H LOFF_T MEMPCPY NANOSLEEP NETINET_IN_H NET_IF_H
    PROGRAM_INVOCATION_SHORT_NAME SRANDOM STDLIB_H STRNDUP STRNLEN STRUCT_STAT_ST_MTIM_TV_NSEC SYS_FILE_H SYS_IOCTL_H
    SYS_SOCKET_H SYS_SYSCALL_H SYS_SYSMACROS_H SYS_TIME_H SYS_UN_H TLS UNISTD_H USLEEP WARN WARNX
"
{
    for name in $have; do
        echo "#define HAVE_$name 1"
    done
    echo '#define _PATH_LOCALSTATEDIR "/var"'
    echo '#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__'
    echo '#define WORDS_BIGENDIAN 1'
    echo '#endif'
} > config.h

for file in libuuid/src/{clear,compare,copy,gen_uuid,isnull,pack,parse,predefined,unpack,unparse,uuid_time}.c \
    lib/{md5,randutils,sha1}.c; do
    # shellcheck disable=SC2086 # a list of words
    $CC $CFLAGS -D_GNU_SOURCE -include config.h -Iinclude -Ilibuuid/src -c "$file"
done
install -d "$OUT$PREFIX/lib/pkgconfig"
$AR rc "$OUT$PREFIX/lib/libuuid.a" ./*.o
install -D -m 644 -t "$OUT$PREFIX/include/uuid" libuuid/src/uuid.h
sed -e "s#@prefix@#$PREFIX#" -e "s#@exec_prefix@#$PREFIX#" -e "s#@usrlib_execdir@#$PREFIX/lib#" \
    -e "s#@includedir@#$PREFIX/include#" -e "s#@LIBUUID_VERSION@#$SOURCE_VERSION#" -e 's#@SOCKET_LIBS@##' \
    libuuid/uuid.pc.in > "$OUT$PREFIX/lib/pkgconfig/uuid.pc"
