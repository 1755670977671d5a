"""Reads whole captures (pcap, pcapng; plain, gzip) for mkbench.py, which composes the bench's capture and imports this module.

load(path) gives the bytes, decompressed; is_capture(raw) says whether they are one; read(raw).packets is a list of
(link type, bytes here, bytes on the wire, time in ns, data, interface).  What is cut off at the end is left out.
"""
import collections, gzip, struct

Capture = collections.namedtuple("Capture", "packets")
MAGICS = {b"\xa1\xb2\xc3\xd4": (">", 1000), b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\x3c\x4d": (">", 1), b"\x4d\x3c\xb2\xa1": ("<", 1)}
NG = b"\x0a\x0d\x0d\x0a"


def load(path):
    with open(path, "rb") as f:
        raw = f.read()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError):
            return b""
    return raw


def is_capture(raw):
    return raw[:4] in MAGICS or raw[:4] == NG


def read(raw):
    return Capture(list(classic(raw) if raw[:4] in MAGICS else ng(raw)))


def classic(raw):
    end, unit = MAGICS[raw[:4]]
    link = struct.unpack_from(end + "I", raw, 20)[0] & 0xffff
    at = 24
    while at + 16 <= len(raw):
        sec, part, here, wire = struct.unpack_from(end + "IIII", raw, at)
        if at + 16 + here > len(raw):
            return
        yield link, here, max(wire, here), sec * 10**9 + part * unit, raw[at + 16:at + 16 + here], 0
        at += 16 + here


def option(raw, at, stop, end, wanted):
    while at + 4 <= stop:
        code, size = struct.unpack_from(end + "HH", raw, at)
        if code == 0:
            return None
        if code == wanted:
            return raw[at + 4:at + 4 + size]
        at += 4 + (size + 3 & ~3)
    return None


def ng(raw):
    end, interfaces, at = "<", [], 0
    while at + 12 <= len(raw):
        if raw[at:at + 4] == NG:
            end, interfaces = "<" if raw[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">", []
        kind, size = struct.unpack_from(end + "II", raw, at)
        if size < 12 or at + size > len(raw):
            return
        body, stop = at + 8, at + size - 4
        if kind == 1 and body + 8 <= stop:
            link, _, snap = struct.unpack_from(end + "HHI", raw, body)
            resolution = option(raw, body + 8, stop, end, 9)
            power = resolution[0] if resolution else 6
            interfaces.append((link, snap, (1, 2 ** (power & 127)) if power & 128 else (1, 10 ** power)))
        elif kind == 6 and body + 20 <= stop:
            number, high, low, here, wire = struct.unpack_from(end + "IIIII", raw, body)
            if number < len(interfaces) and body + 20 + here <= stop:
                link, _, (_, per) = interfaces[number]
                yield link, here, max(wire, here), (high << 32 | low) * 10**9 // per, raw[body + 20:body + 20 + here], number
        elif kind == 3 and interfaces and body + 4 <= stop:
            wire = struct.unpack_from(end + "I", raw, body)[0]
            here = min(wire, stop - body - 4, interfaces[0][1] or wire)
            yield interfaces[0][0], here, wire, 0, raw[body + 4:body + 4 + here], 0
        at += size
