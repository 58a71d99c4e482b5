"""Changes to the bytes of a file, as damage and malice make them. What a reader must say is elsewhere."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

TOKENS = (
    *(b'"', b'""', b"'", b"\n", b"\r", b"\r\n", b"\t", b",", b";", b"|", b"$", b"\0", b"\x1a", b"\x7f"),
    *(b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3", b"\xe9", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x85"),
    *(b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xe2\x80\xa8", b"\xc2\xa0", b"\xef\xbf\xbd", b"\xd9\xa3"),
    *(b"-1", b"0", b"1e999", b"-0.0", b"NaN", b"Infinity", b"9" * 5000, b"0" * 40, b"1/0", b"1e-400"),
    *(b"{", b"}", b"[", b"]", b"[" * 2000, b'{"a":' * 300, b"null", b"true", b"\\ud800", b"\\u0000"),
    *(b"=cmd|'/c calc'!A1", b"<script>", b"'; DROP TABLE x; --", b"../../etc/passwd", b"\x1b[2J", b"%s%n"),
    *(b"&a ", b"*a", b"!!python/object:os.system", b"---\n", b"<<: ", b"? ", b"- ", b": ", b"#", b"    "),
    *(b"2017-02-30", b"0000-00-00", b"9999-12-31T24:00:00", b"2017-01-01/2016-01-01", b"--3", b"V", b"3-4"),
)
WORDS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

Change = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def mutated(seeds: Sequence[bytes], chance: random.Random, packing: str = "plain") -> bytes:
    """One of the seeds with one to five changes; of a compressed file, mostly inside it."""
    seed = chance.choice(seeds)
    if packing != "plain" and chance.random() < 0.8:
        return _inside_archive(seed, chance) if packing == "zip" else _inside_stream(seed, chance)
    return _changed(seed, chance, seeds)


def _changed(content: bytes, chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        chance.choice(CHANGES)(data, chance, seeds)
    return bytes(data)


def _inside_archive(content: bytes, chance: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice([*entries, *(name for name in entries if "sheet1" in name or "shared" in name)] * 2)
    entries[name] = _changed(entries[name], chance, [entries[name]])
    names = list(entries)
    if chance.random() < 0.1:
        names.append(chance.choice(("/etc/passwd", "../../x", "xl/../xl/workbook.xml", "C:\\x", name)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in dict.fromkeys(names):
            archive.writestr(each, entries.get(each, b"x"))
    return out.getvalue()


def _inside_stream(content: bytes, chance: random.Random) -> bytes:
    is_gzip = content.startswith(b"\x1f\x8b")
    inner = gzip.decompress(content) if is_gzip else zlib.decompress(content)
    changed = _changed(inner, chance, [inner])
    return gzip.compress(changed, 1) if is_gzip else zlib.compress(changed, 1)


def _place(data: bytearray, chance: random.Random) -> int:
    """Somewhere in the file: near the start or the end more often than by chance, seldom in padding."""
    if not data:
        return 0
    for _ in range(4):
        kind = chance.random()
        reach = min(len(data), 1_000)
        if kind < 0.35:
            at = chance.randrange(reach)
        elif kind < 0.5:
            at = len(data) - 1 - chance.randrange(reach)
        else:
            at = chance.randrange(len(data))
        if data[at]:
            return at
    return at


def _flip_bit(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    if data:
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _set_byte(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    if data:
        data[_place(data, chance)] = chance.randrange(256)


def _truncate(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    del data[_place(data, chance) :]


def _cut(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 1, 2, 3, 8, 80, 500))]


def _repeat(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(data, chance)
    piece = bytes(data[at : at + chance.choice((1, 4, 20, 80, 140))])
    data[at:at] = piece * chance.choice((1, 2, 10, 50))


def _insert(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(data, chance)
    data[at:at] = chance.choice(TOKENS)


def _overwrite(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(data, chance)
    token = chance.choice(TOKENS)
    data[at : at + len(token)] = token[: max(0, len(data) - at)]


def _length_field(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    """A number of 2, 4 or 8 bytes set to a limit, or moved by a little: counts, lengths, offsets."""
    size = chance.choice((2, 4, 4, 8))
    if len(data) < size:
        return
    at = min(_place(data, chance), len(data) - size)
    order = chance.choice("<>")
    code = {2: "H", 4: "I", 8: "Q"}[size]
    (value,) = struct.unpack_from(order + code, data, at)
    value = chance.choice((*WORDS, value + 1, value - 1, value * 2, ~value)) % (1 << 8 * size)
    struct.pack_into(order + code, data, at, value)


def _splice(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    other = chance.choice(seeds)
    at, start = _place(data, chance), chance.randrange(len(other) + 1)
    data[at : at + chance.choice((0, 20, 200))] = other[start : start + chance.choice((10, 80, 400))]


def _digit(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    """Another digit where there is one: counts and versions written as text."""
    places = [at for at in range(min(len(data), 4_000)) if 48 <= data[at] <= 57]
    if places:
        data[chance.choice(places)] = chance.randrange(48, 58)


def _swap_lines(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    lines = bytes(data).split(b"\n")
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    data[:] = b"\n".join(lines)


CHANGES: tuple[Change, ...] = (
    *(_flip_bit, _flip_bit, _set_byte, _set_byte, _truncate, _cut, _repeat, _insert, _insert),
    *(_overwrite, _length_field, _length_field, _splice, _digit, _swap_lines),
)
