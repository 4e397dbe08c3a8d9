"""Compares a Mach-O file's code signature with its content, as the kernel does when a page is first used.

A signature is a list of blobs, all numbers big-endian. The one that matters is the code directory: the hash of every
page of the file up to the signature, and of some of the other blobs. A file that was changed after it was signed (by
``install_name_tool``, by strip, by a relocation script) is killed on arm64 without a word.

Who has signed is not looked at: the signature of the code directory itself, a CMS message, is there or is not.
The layout is that of Apple's ``cs_blobs.h``.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping

_SUPER_BLOB, _CODE_DIRECTORY = 0xFADE0CC0, 0xFADE0C02
_DIRECTORY_SLOT, _ALTERNATE_SLOTS, _CMS_SLOT = 0, range(0x1000, 0x1005), 0x10000
#: Blobs whose hashes the code directory has, too: requirements, entitlements in two forms.
_HASHED_SLOTS = {2: "requirements", 5: "entitlements", 7: "entitlements"}
_ADHOC = 0x2
_HEADER = struct.Struct(">9I4BI")
#: Name and size of a hash by its number; two of them are cut off.
_HASHES = {1: ("sha1", 20), 2: ("sha256", 32), 3: ("sha256", 20), 4: ("sha384", 48)}
#: Sizes of pages, as powers of two, that can be: 0 stands for one page of all.
_PAGES = (0, *range(9, 17))
_MOST_LISTED = 3


def signature_problems(signature: memoryview, code: memoryview) -> Iterator[str]:
    """Yield what is wrong with a signature, one line each. ``code`` is the file up to where the signature begins."""
    try:
        blobs = _blobs(signature)
        directories = [content for slot, content in blobs if slot == _DIRECTORY_SLOT or slot in _ALTERNATE_SLOTS]
        if not directories:
            yield "the signature has no code directory"
        others = {slot: content for slot, content in blobs if slot in _HASHED_SLOTS}
        is_signed = any(slot == _CMS_SLOT and len(content) > 8 for slot, content in blobs)
        for directory in directories:
            yield from _directory_problems(directory, code, others, is_signed)
    except (struct.error, _DamagedError) as error:
        yield f"the signature is damaged ({error})"


class _DamagedError(Exception):
    """The signature does not say what it has to."""


def _blobs(signature: memoryview) -> list[tuple[int, memoryview]]:
    magic, length, count = struct.unpack_from(">3I", signature)
    if magic != _SUPER_BLOB or length > len(signature):
        raise _DamagedError(f"it begins with {magic:08x} and has {length} of {len(signature)} bytes")
    if count * 8 + 12 > length:
        raise _DamagedError(f"{count} blobs in {length} bytes")
    found = []
    for index in range(count):
        slot, offset = struct.unpack_from(">2I", signature, 12 + 8 * index)
        _, size = struct.unpack_from(">2I", signature, offset)
        if offset + size > length:
            raise _DamagedError(f"blob {slot:#x} ends at byte {offset + size} of {length}")
        found.append((slot, signature[offset : offset + size]))
    return found


def _directory_problems(
    directory: memoryview, code: memoryview, others: Mapping[int, memoryview], is_signed: bool
) -> Iterator[str]:
    (magic, _, _, flags, hashes, identifier, special, count, limit,
     size, kind, _, page_bits, _) = _HEADER.unpack_from(directory)  # fmt: skip
    if magic != _CODE_DIRECTORY or kind not in _HASHES or size != _HASHES[kind][1] or page_bits not in _PAGES:
        raise _DamagedError(f"code directory {magic:08x}, hashes of kind {kind} with {size} bytes")
    if hashes < special * size or hashes + count * size > len(directory) or identifier >= len(directory):
        raise _DamagedError("the code directory ends inside of its hashes")
    if not flags & _ADHOC and not is_signed:
        yield "the signature is neither ad-hoc nor anybody's"
    if limit != len(code):
        yield f"the signature covers {limit} bytes, the code has {len(code)}"
    name, page = _HASHES[kind][0], 1 << page_bits if page_bits else max(limit, 1)
    if count != -(-limit // page):
        yield f"the signature has {count} pages, {limit} bytes have {-(-limit // page)}"
        return
    changed = []
    for index in range(count):
        content = code[index * page : min((index + 1) * page, limit)]
        if _hash(name, size, content) != bytes(directory[hashes + index * size : hashes + (index + 1) * size]):
            changed.append(index * page)
    if changed:
        more = f" and {len(changed) - _MOST_LISTED} more" if len(changed) > _MOST_LISTED else ""
        places = ", ".join(str(place) for place in changed[:_MOST_LISTED])
        yield f"changed after it was signed: the {name} of the page at byte {places}{more} is another"
    for slot, content in others.items():
        start = hashes - slot * size
        if slot > special or _hash(name, size, content) != bytes(directory[start : start + size]):
            yield f"changed after it was signed: the {name} of the {_HASHED_SLOTS[slot]} is another"


def _hash(name: str, size: int, content: memoryview) -> bytes:
    return hashlib.new(name, content, usedforsecurity=False).digest()[:size]
