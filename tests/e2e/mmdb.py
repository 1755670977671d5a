"""Writes a small database in the MaxMind DB format, version 2.0: networks to the numbers of their systems."""
import ipaddress


class Short(int):
    """One of 16 bits, as most of the metadata is."""


def _size(kind, size):
    front = (kind << 5) if kind < 8 else 0
    more = b"" if kind < 8 else bytes([kind - 7])
    if size < 29:
        return bytes([front | size]) + more
    if size < 285:
        return bytes([front | 29]) + more + bytes([size - 29])
    return bytes([front | 30]) + more + (size - 285).to_bytes(2, "big")


def _value(is_):
    if isinstance(is_, str):
        return _size(2, len(is_.encode())) + is_.encode()
    if isinstance(is_, dict):
        return _size(7, len(is_)) + b"".join(_value(k) + _value(v) for k, v in is_.items())
    if isinstance(is_, list):
        return _size(11, len(is_)) + b"".join(map(_value, is_))
    number = is_.to_bytes((is_.bit_length() + 7) // 8, "big")
    kind = 9 if is_ >= 1 << 32 else 5 if isinstance(is_, Short) else 6
    return _size(kind, len(number)) + number


def write(path, networks, version=6, type_="GeoLite2-ASN", what=lambda number: {"autonomous_system_number": number}):
    """networks: {"192.0.2.0/24": 64500}; version 4: a tree of IPv4 alone; of 6, IPv4 is in ::/96 and nowhere else."""
    tree, data, at = [[None, None]], b"", {}
    for network, number in networks.items():
        net = ipaddress.ip_network(network)
        bits, length = int(net.network_address), net.prefixlen + (96 if net.version == 4 and version == 6 else 0)
        width = 32 if version == 4 else 128
        node = 0
        if number not in at:
            at[number] = len(data)
            data += _value(what(number))
        for k in range(length):
            bit = bits >> (width - 1 - k) & 1
            if k == length - 1:
                tree[node][bit] = ("data", at[number])
            else:
                if tree[node][bit] is None:
                    tree.append([None, None])
                    tree[node][bit] = len(tree) - 1
                node = tree[node][bit]
    record = lambda r: (len(tree) if r is None else len(tree) + 16 + r[1] if isinstance(r, tuple) else r).to_bytes(3, "big")
    about = {"node_count": len(tree), "record_size": Short(24), "ip_version": Short(version), "database_type": type_, "languages": ["en"],
             "binary_format_major_version": Short(2), "binary_format_minor_version": Short(0), "build_epoch": 1 << 33, "description": {"en": "a test's"}}
    with open(path, "wb") as f:
        f.write(b"".join(record(r) for pair in tree for r in pair) + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + _value(about))
    return path
