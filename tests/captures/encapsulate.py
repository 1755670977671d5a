#!/usr/bin/env python3
"""Wraps every frame of a classic Ethernet capture in an encapsulation:  encapsulate.py KIND IN.pcap OUT.pcap

For kernels without the tunnel devices.  The inner packets are real (recorded); the headers around them are made here,
after the RFC named at each, with lengths and checksums in place.  The outer addresses are documentation addresses, one
for each direction: whoever sent the first frame of the capture stands behind the near end.  ARP and neighbour discovery
are wrapped by the kinds that carry Ethernet and left out by the others."""

import ipaddress
import struct
import sys

NEAR, FAR = "203.0.113.1", "203.0.113.2"
NEAR6, FAR6 = "2001:db8:ff::1", "2001:db8:ff::2"
NEAR_MAC, FAR_MAC = bytes.fromhex("00005e005301"), bytes.fromhex("00005e005302")
IPV4, IPV6 = 0x0800, 0x86DD
GRE, IPIP, IPV6_IN_IP, UDP = 47, 4, 41, 17


def checksum(data):
	"""RFC 1071"""
	if len(data) % 2:
		data += b"\0"
	total = sum(struct.unpack(f"!{len(data) // 2}H", data))
	while total >> 16:
		total = (total & 0xFFFF) + (total >> 16)
	return ~total & 0xFFFF


class Frame:
	"""A recorded frame, taken apart as far as the wrapping needs."""

	def __init__(self, data, near_mac, number):
		self.data = data
		self.macs, self.type, self.packet = data[:12], struct.unpack("!H", data[12:14])[0], data[14:]
		self.forward = data[6:12] == near_mac
		self.number = number
		# Neighbour discovery belongs to the link, as ARP does.
		discovery = self.type == IPV6 and self.packet[6] == 58 and self.packet[40] in (133, 134, 135, 136)
		self.is_ip = self.type in (IPV4, IPV6) and not discovery
		if self.type == IPV4:  # without the padding of short frames
			self.packet = self.packet[:struct.unpack("!H", self.packet[2:4])[0]]


def ethernet(frame, kind, payload):
	macs = FAR_MAC + NEAR_MAC if frame.forward else NEAR_MAC + FAR_MAC
	return macs + struct.pack("!H", kind) + payload


def ipv4(frame, protocol, payload):
	"""RFC 791"""
	ends = [ipaddress.ip_address(text).packed for text in (NEAR, FAR)]
	source, target = ends if frame.forward else ends[::-1]
	fixed = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), frame.number & 0xFFFF, 0x4000, 62, protocol)
	check = checksum(fixed + b"\0\0" + source + target)
	return ethernet(frame, IPV4, fixed + struct.pack("!H", check) + source + target + payload)


def ipv6(frame, protocol, payload):
	"""RFC 8200"""
	ends = [ipaddress.ip_address(text).packed for text in (NEAR6, FAR6)]
	source, target = ends if frame.forward else ends[::-1]
	head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 62) + source + target
	return ethernet(frame, IPV6, head + payload)


def udp(frame, port, payload):
	"""RFC 768.  The source port tells inner flows apart, as the tunnels' RFCs want; no checksum, as they allow."""
	source = 49152 + (sum(frame.macs) & 0xFF)
	return ipv4(frame, UDP, struct.pack("!HHHH", source, port, 8 + len(payload), 0) + payload)


def tag(frame, *tags):
	"""IEEE 802.1Q: tags between the addresses and the type."""
	return frame.macs + b"".join(struct.pack("!HH", *one) for one in tags) + frame.data[12:]


def vlan(frame):
	return tag(frame, (0x8100, 0x6000 | 100))  # priority 3, VLAN 100


def qinq(frame):
	"""IEEE 802.1ad: service tag 200 around customer tag 100"""
	return tag(frame, (0x88A8, 200), (0x8100, 100))


def mpls(frame):
	"""RFC 3032: two labels, the lower one is the bottom of the stack"""
	if frame.is_ip:
		labels = struct.pack("!II", 16001 << 12 | 62, 24 << 12 | 1 << 8 | 62)
		return ethernet(frame, 0x8847, labels + frame.packet)


def pppoe(frame):
	"""RFC 2516, session stage, with PPP's protocol numbers"""
	if frame.is_ip:
		ppp = struct.pack("!H", 0x0021 if frame.type == IPV4 else 0x0057) + frame.packet
		return ethernet(frame, 0x8864, struct.pack("!BBHH", 0x11, 0, 0x002A, len(ppp)) + ppp)


def vxlan(frame):
	"""RFC 7348: VNI 42"""
	return udp(frame, 4789, struct.pack("!II", 0x08 << 24, 42 << 8) + frame.data)


def geneve(frame):
	"""RFC 8926: VNI 42, one option of the experimental class, four bytes long"""
	option = struct.pack("!HBBI", 0xFFFF, 0x01, 1, 0xC0FFEE00)
	return udp(frame, 6081, struct.pack("!BBHI", len(option) // 4, 0, 0x6558, 42 << 8) + option + frame.data)


def gre(frame):
	"""RFC 2784 with RFC 2890's key and sequence number, and a checksum"""
	if frame.is_ip:
		head = struct.pack("!HH", 0xB000, frame.type)
		rest = struct.pack("!HII", 0, 42, frame.number) + frame.packet
		return ipv4(frame, GRE, head + struct.pack("!H", checksum(head + b"\0\0" + rest)) + rest)


def gretap(frame):
	"""RFC 2784 with Ethernet inside (transparent bridging, RFC 1701's 0x6558)"""
	return ipv4(frame, GRE, struct.pack("!HH", 0, 0x6558) + frame.data)


def gre6(frame):
	"""RFC 7676: GRE over IPv6"""
	if frame.is_ip:
		return ipv6(frame, GRE, struct.pack("!HH", 0, frame.type) + frame.packet)


def erspan(frame):
	"""ERSPAN type II over GRE with a sequence number: session 7, port index 3"""
	head = struct.pack("!HHI", 0x1000, 0x88BE, frame.number)
	return ipv4(frame, GRE, head + struct.pack("!HHI", 1 << 12, 7, 3) + frame.data)


def ipip(frame):
	"""RFC 2003"""
	if frame.is_ip and frame.type == IPV4:
		return ipv4(frame, IPIP, frame.packet)


def sit(frame):
	"""RFC 4213: IPv6 in IPv4"""
	if frame.is_ip and frame.type == IPV6:
		return ipv4(frame, IPV6_IN_IP, frame.packet)


def ip6tnl(frame):
	"""RFC 2473: either IP in IPv6"""
	if frame.is_ip:
		return ipv6(frame, IPIP if frame.type == IPV4 else IPV6_IN_IP, frame.packet)


def vxlan_vlan(frame):
	"""A tag inside and outside: what a mirror port between two switches of a fabric shows"""
	inner = Frame(vlan(frame), b"", frame.number)
	inner.macs, inner.forward = frame.macs, frame.forward
	outer = vxlan(inner)
	return outer[:12] + struct.pack("!HH", 0x8100, 300) + outer[12:]


KINDS = {f.__name__: f for f in (vlan, qinq, mpls, pppoe, vxlan, geneve, gre, gretap, gre6, erspan, ipip, sit, ip6tnl,
	vxlan_vlan)}


def encapsulate(kind, path_in, path_out):
	with open(path_in, "rb") as f:
		head = f.read(24)
		magic, _, _, _, _, _, link = struct.unpack("<IHHiIII", head)
		if magic != 0xA1B2C3D4 or link != 1:
			sys.exit(f"{path_in}: not a little-endian classic pcap of Ethernet")
		data = f.read()
	out, place, number, near_mac = [head], 0, 0, data[22:28]
	while place < len(data):
		seconds, micros, size, _ = struct.unpack_from("<IIII", data, place)
		wrapped = KINDS[kind](Frame(data[place + 16:place + 16 + size], near_mac, number))
		if wrapped is not None:
			out.append(struct.pack("<IIII", seconds, micros, len(wrapped), len(wrapped)) + wrapped)
			number += 1
		place += 16 + size
	with open(path_out, "wb") as f:
		f.write(b"".join(out))


if __name__ == "__main__":
	if len(sys.argv) != 4 or sys.argv[1] not in KINDS:
		sys.exit(f"usage: encapsulate.py KIND IN.pcap OUT.pcap\nkinds: {' '.join(KINDS)}")
	encapsulate(*sys.argv[1:])
