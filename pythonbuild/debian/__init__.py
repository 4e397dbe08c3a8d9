"""Root filesystems and sysroots from locked .deb files, on any Linux host.

The way of the data: ``relock`` resolves the descriptions in ``cpython-unix/roots`` against a signed index (``index``,
found through the machine's ``apt_sources``) and writes the locks; ``packages`` gets a lock's files; ``unpack`` makes a
root filesystem of them (``deb`` reads one file, ``versions`` knows Debian's order of version numbers).
``glibc_floor`` runs inside a step: it turns an unpacked sysroot into one of a lower glibc.
"""
