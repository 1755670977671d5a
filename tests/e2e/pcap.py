"""Captures for scenarios: read, written in every container, copied with other addresses, streams put together.

A packet is (time in ns, bytes of an Ethernet frame).  A reader and a writer of our own, so that what the sensor reads is
not written by the sensor's own code."""

import collections
import struct

MAGICS = {
	b"\xa1\xb2\xc3\xd4": (">", 1000), b"\xd4\xc3\xb2\xa1": ("<", 1000),
	b"\xa1\xb2\x3c\x4d": (">", 1), b"\x4d\x3c\xb2\xa1": ("<", 1),
}
ETHERNET = 1
SECOND = 10**9


def read(path):
	with open(path, "rb") as f:
		raw = f.read()
	end, unit = MAGICS[raw[:4]]
	packets, at = [], 24
	while at + 16 <= len(raw):
		sec, part, here, _ = struct.unpack_from(end + "4I", raw, at)
		packets.append((sec * SECOND + part * unit, raw[at + 16:at + 16 + here]))
		at += 16 + here
	return packets


def head(nano=False, end="<", snaplen=262144, link=ETHERNET):
	return struct.pack(end + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link)


def record(packet, nano=False, end="<", wire=None):
	time, data = packet
	part = time % SECOND if nano else time % SECOND // 1000
	return struct.pack(end + "4I", time // SECOND, part, len(data), len(data) if wire is None else wire) + data


def write(path, packets, nano=False, end="<", snaplen=262144):
	with open(path, "wb") as f:
		f.write(head(nano, end, snaplen))
		for packet in packets:
			f.write(record(packet, nano, end))


# ---- pcapng ----

def _block(kind, body, end):
	size = 12 + len(body)
	return struct.pack(end + "II", kind, size) + body + struct.pack(end + "I", size)


def _option(code, value, end):
	return struct.pack(end + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def write_ng(path, packets, interfaces, end="<"):
	"""interfaces: (snap length, power of ten of the clock) each; packets go through them in turn. Every other
	block kind that a reader must pass over is here, too."""
	out = [_block(0x0A0D0D0A, struct.pack(end + "IHHq", 0x1A2B3C4D, 1, 0, -1), end)]
	for snaplen, power in interfaces:
		options = b"" if power == 6 else _option(9, bytes([power]), end)
		options = _option(2, b"if%d" % snaplen, end) + options + _option(0, b"", end)
		out.append(_block(1, struct.pack(end + "HHI", ETHERNET, 0, snaplen) + options, end))
	out.append(_block(4, _option(0, b"", end), end))
	out.append(_block(0x0BAD, b"a block of a kind that nobody knows.", end))
	for i, (time, data) in enumerate(packets):
		number = i % len(interfaces)
		ticks = time // 10**(9 - interfaces[number][1])
		body = struct.pack(end + "5I", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
		out.append(_block(6, body + data + bytes(-len(data) % 4), end))
	out.append(_block(5, struct.pack(end + "III", 0, 0, 0), end))
	with open(path, "wb") as f:
		f.write(b"".join(out))


# ---- other addresses ----

def _fold(total):
	while total >> 16:
		total = (total & 0xFFFF) + (total >> 16)
	return total


def _mend(frame, at, delta):
	"""RFC 1624: a checksum after words that sum up to delta more."""
	old = struct.unpack_from("!H", frame, at)[0]
	struct.pack_into("!H", frame, at, ~_fold((~old & 0xFFFF) + delta) & 0xFFFF)


class Crowd:
	"""Copies of a conversation among other hosts: copy n has each IPv4 address replaced, the same in the whole
	copy and different from all other copies'; those of the victim's network (192.0.2.0/24) by one of 10.0.0.0/8,
	the others by one of 198.18.0.0/15 (RFC 2544, for tests of devices). Copy 0 is the conversation itself.
	Checksums stay right; what is not IPv4 is left out of the copies."""

	def __init__(self, packets):
		self.packets = packets
		self.hosts = {}
		for _, frame in packets:
			if frame[12:14] == b"\x08\x00":
				for address in (frame[26:30], frame[30:34]):
					self.hosts.setdefault(address, len(self.hosts))
		assert len(self.hosts) <= 16

	def address(self, address, n):
		number = (10 << 24 if address[:3] == b"\xc0\x00\x02" else 198 << 24 | 18 << 16) + n * 16 + self.hosts[address]
		return address if n == 0 else struct.pack("!I", number)

	def copy(self, n, later=0):
		if n == 0:
			return [(time + later, frame) for time, frame in self.packets]
		assert n < 8192
		return [(time + later, self._other(frame, n)) for time, frame in self.packets if frame[12:14] == b"\x08\x00"]

	def _other(self, frame, n):
		new = bytearray(frame)
		new[26:30] = self.address(frame[26:30], n)
		new[30:34] = self.address(frame[30:34], n)
		delta = sum(struct.unpack("!4H", new[26:34])) + sum(~word & 0xFFFF for word in struct.unpack("!4H", frame[26:34]))
		_mend(new, 24, delta)
		first_fragment = struct.unpack_from("!H", frame, 20)[0] & 0x1FFF == 0
		at = 14 + (frame[14] & 15) * 4
		if frame[23] == 6 and first_fragment:
			_mend(new, at + 16, delta)
		elif frame[23] == 17 and first_fragment and frame[at + 6:at + 8] != b"\0\0":
			_mend(new, at + 6, delta)
		return bytes(new)


class Elsewhere(Crowd):
	"""The same attackers seen by another organisation: only hosts of the victim's network (192.0.2.0/24) become others, of the
	network given ("10.1.0"). later: how much another clock, or time, is ahead, in ns."""

	def __init__(self, packets, network):
		super().__init__(packets)
		self.network = bytes(int(part) for part in network.split("."))

	def address(self, address, n):
		return self.network + address[3:] if address[:3] == b"\xc0\x00\x02" else address

	def seen(self, later=0):
		return self.copy(1, later)


def merge(*lists):
	return sorted((packet for packets in lists for packet in packets), key=lambda packet: packet[0])


# ---- segments made anew ----

def _checksum(data):
	total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
	while total >> 16:
		total = (total & 0xffff) + (total >> 16)
	return ~total & 0xffff


def tcp_frame(src, dst, sport, dport, seq, ack, flags, payload=b""):
	"""An Ethernet frame; src and dst are the four bytes of an IPv4 address."""
	tcp = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, 5 << 4, flags, 65535, 0, 0) + payload
	pseudo = src + dst + struct.pack("!BBH", 0, 6, len(tcp)) + tcp + bytes(len(tcp) % 2)
	tcp = tcp[:16] + struct.pack("!H", _checksum(pseudo)) + tcp[18:]
	ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + src + dst
	ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
	return bytes(12) + b"\x08\x00" + ip + tcp


def ip_frame(src, dst, proto, payload):
	"""An Ethernet frame with an IPv4 packet of any protocol."""
	ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, proto, 0) + src + dst
	return bytes(12) + b"\x08\x00" + ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:] + payload


def udp_frame(src, dst, sport, dport, payload):
	"""Without a checksum, as IPv4 allows."""
	return ip_frame(src, dst, 17, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def echo_frame(src, dst, kind, number, seq, payload):
	"""ICMP: kind 8 asks, 0 answers."""
	message = struct.pack("!BBHHH", kind, 0, 0, number, seq) + payload
	return ip_frame(src, dst, 1, message[:2] + struct.pack("!H", _checksum(message + bytes(len(message) % 2))) + message[4:])


class Talk:
	"""One TCP conversation, packet by packet: ">" is what the client says."""

	def __init__(self, client, server, sport, dport, start, mss=1400):
		self.ports = {">": (client, server, sport, dport), "<": (server, client, dport, sport)}
		self.seq = {">": 1000, "<": 5000}
		self.start, self.mss, self.packets = start, mss, []
		self.send(">", b"", 2)
		self.send("<", b"", 0x12)
		self.send(">", b"", 0x10)

	def send(self, way, payload, flags=0x18):
		src, dst, sport, dport = self.ports[way]
		ack = self.seq["<" if way == ">" else ">"] if flags & 0x10 else 0
		self.packets.append((self.start + len(self.packets) * 10_000, tcp_frame(src, dst, sport, dport, self.seq[way], ack, flags, payload)))
		self.seq[way] = self.seq[way] + len(payload) + (1 if flags & 3 else 0) & 0xFFFFFFFF

	def say(self, way, data):
		for at in range(0, len(data), self.mss):
			self.send(way, data[at:at + self.mss])
		self.send("<" if way == ">" else ">", b"", 0x10)
		return self

	def end(self):
		self.send(">", b"", 0x11)
		self.send("<", b"", 0x11)
		self.send(">", b"", 0x10)
		return self.packets


# ---- what is in them ----

Segment = collections.namedtuple("Segment", "way seq flags payload")  # way: src, sport, dst, dport


def segments(packets):
	for _, frame in packets:
		if frame[12:14] != b"\x08\x00" or frame[23] != 6:
			continue
		ip = frame[14:14 + struct.unpack_from("!H", frame, 16)[0]]
		tcp = ip[(ip[0] & 15) * 4:]
		sport, dport, seq = struct.unpack_from("!HHI", tcp)
		way = (text(ip[12:16]), sport, text(ip[16:20]), dport)
		yield Segment(way, seq, tcp[13], tcp[(tcp[12] >> 4) * 4:])


def streams(packets):
	"""The bytes of each side of each TCP connection over IPv4, by (src, sport, dst, dport); the first copy counts.
	One connection for each such way."""
	first, pieces = {}, collections.defaultdict(dict)
	for s in segments(packets):
		if s.flags & 2:
			first[s.way] = s.seq + 1
		elif s.payload and s.way in first:
			pieces[s.way].setdefault(s.seq - first[s.way] & 0xFFFFFFFF, s.payload)
	out = {}
	for way in first:
		data = bytearray()
		for offset, payload in sorted(pieces[way].items()):
			assert offset <= len(data), "a capture of ours has a gap"
			data[offset:offset + len(payload)] = payload
		out[way] = bytes(data)
	return out


def flows(packets):
	"""Packets of each IPv4 TCP or UDP conversation, by (protocol, frozenset of both ends)."""
	out = collections.Counter()
	for _, frame in packets:
		if frame[12:14] == b"\x08\x00" and frame[23] in (6, 17):
			at = 14 + (frame[14] & 15) * 4
			sport, dport = struct.unpack_from("!HH", frame, at)
			ends = frozenset([(text(frame[26:30]), sport), (text(frame[30:34]), dport)])
			out[(frame[23], ends)] += 1
	return out


def text(address):
	return ".".join(str(byte) for byte in address)
