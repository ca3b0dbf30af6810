"""Files as they might be damaged or written by others: whole ones with a few bytes changed.

Every file follows from its seed. Some of the changes make other valid files, so that what is read
can be compared with what an independent reading of the bytes says.
"""

import bz2
import gzip
import random
import struct

MRC_WORDS = (*range(25), 49, 50, 51, 53, 54, 55)  # fields of the header, of four bytes
ODD_NUMBERS = (0, 1, -1, 2, 3, 4, 6, 12, 90, 255, 401, 1024, 32767, 65536, 2**31 - 1, -(2**31))
ODD_FLOATS = (0.0, -1.0, 1e-30, 1e30, 90.0, 120.0, 1.5, float("nan"), float("inf"))
ODD_TEXTS = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"nan",
    b"-inf",
    b"1e999",
    b"10" * 200,
    b'"',
    b"'",
    b",",
    b";",
    b"\r\n",
    b"\t",
    b"loop_\n",
    b"data_\n",
    b"#",
    b"[" * 2000,
    b'{"a":' * 2000,
    b"null",
    b"true",
    b"../../x",
    b"$(x)",
    b"\n",
)


def mutated(kind, whole, seed):
    """Return a changed file of a kind (mrc, text or binary)."""
    draw = random.Random(seed)
    content = bytearray(whole)
    changes = {"mrc": MRC_CHANGES, "text": TEXT_CHANGES, "binary": BYTE_CHANGES}[kind]
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        content = draw.choice(changes)(content, draw)
    return packed(bytes(content), draw) if kind == "mrc" else bytes(content)


def packed(content, draw):
    """Pack one file in five, and damage half of those."""
    choice = draw.random()
    if choice > 0.2:
        return content
    made = gzip.compress(content, 1, mtime=0) if choice < 0.13 else bz2.compress(content, 1)
    if draw.random() < 0.5:
        return made
    return bytes(draw.choice(BYTE_CHANGES)(bytearray(made), draw))


# ---- any bytes


def flip(content, draw):
    if content:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return content


def overwrite(content, draw):
    if content:
        place = draw.randrange(len(content))
        content[place : place + 4] = draw.randbytes(min(4, len(content) - place))
    return content


def cut(content, draw):
    return content[: draw.randrange(len(content) + 1)]


def grow(content, draw):
    return content + bytearray(draw.choice((b"\0", draw.randbytes(3), content[:100])))


def drop(content, draw):
    place = draw.randrange(len(content) + 1)
    del content[place : place + draw.choice((1, 4, 100))]
    return content


def double(content, draw):
    place = draw.randrange(len(content) + 1)
    return content[:place] + content[max(0, place - draw.choice((1, 4, 100))) :]


def blank(content, draw):
    place = draw.randrange(len(content) + 1)
    size = min(draw.choice((1, 16, 512)), len(content) - place)
    content[place : place + size] = bytes(size)
    return content


BYTE_CHANGES = (flip, overwrite, cut, grow, drop, double, blank)

# ---- text


def put_text(content, draw):
    place = draw.randrange(len(content) + 1)
    return content[:place] + draw.choice(ODD_TEXTS) + content[place:]


def swap_lines(content, draw):
    lines = content.split(b"\n")
    a, b = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return bytearray(b"\n".join(lines))


def drop_line(content, draw):
    lines = content.split(b"\n")
    del lines[draw.randrange(len(lines))]
    return bytearray(b"\n".join(lines))


def change_word(content, draw):
    words = content.split(b" ")
    words[draw.randrange(len(words))] = draw.choice((*ODD_TEXTS, b"1", b"A", b"-7.5"))
    return bytearray(b" ".join(words))


def other_ends(content, draw):
    return content.replace(b"\n", draw.choice((b"\r\n", b"\r", b"\n\n")))


TEXT_CHANGES = (*BYTE_CHANGES, put_text, swap_lines, drop_line, change_word, other_ends)

# ---- maps


def set_integer(content, draw):
    struct.pack_into("<i", content, 4 * draw.choice(MRC_WORDS), draw.choice(ODD_NUMBERS))
    return content


def set_float(content, draw):
    struct.pack_into("<f", content, 4 * draw.choice(MRC_WORDS), draw.choice(ODD_FLOATS))
    return content


def set_value(content, draw):
    if len(content) >= 1028:
        place = 1024 + 4 * draw.randrange((len(content) - 1024) // 4)
        struct.pack_into("<f", content, place, draw.choice((*ODD_FLOATS, 1e37, 3.0)))
    return content


def other_axes(content, draw):
    order = [1, 2, 3]
    draw.shuffle(order)
    struct.pack_into("<3i", content, 64, *order)
    return content


def other_stamp(content, draw):
    content[212:216] = draw.choice((b"\x44\x44\0\0", b"\x44\x41\0\0", b"\x11\x11\0\0", b"\0\0\0\0"))
    return content


def extended(content, draw):
    size = draw.choice((80, 160, 768))
    struct.pack_into("<i", content, 92, size)
    return content[:1024] + bytearray(draw.randbytes(size)) + content[1024:]


def whole_only(change):
    """A change of the header, for files that still have one."""
    return lambda content, draw: change(content, draw) if len(content) >= 1024 else content


_HEADER = (set_integer, set_float, other_axes, other_stamp, extended)
MRC_CHANGES = (*BYTE_CHANGES, set_value, *(whole_only(c) for c in _HEADER for _ in range(2)))
