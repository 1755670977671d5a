"""Conversations that no capture has: mail from outside, SSH in both directions, each with what partners would share of it."""
import hashlib
import os
import struct

import pcap
from scenario import sha256

HOME, OUTSIDE = bytes([10, 9, 8, 7]), bytes([203, 0, 113, 80])
START = 1_700_000_000 * pcap.SECOND


def mail():
	"""From outside to a server of ours."""
	talk = pcap.Talk(OUTSIDE, HOME, 40001, 25, START)
	for way, line in ((b"<", b"220 mx.home.test ESMTP"), (b">", b"EHLO bulk.evil.example"), (b"<", b"250 mx.home.test"),
			(b">", b"MAIL FROM:<Bounce-7@Evil.Example>"), (b"<", b"250 ok"), (b">", b"RCPT TO:<user@home.test>"), (b"<", b"250 ok"),
			(b">", b"DATA"), (b"<", b"354 go on"),
			(b">", 'From: "Your Bank" <service@xn--bcher-kva.example>\r\nTo: user@home.test\r\nSubject: urgent\r\n\r\nclick\r\n.'.encode()),
			(b"<", b"250 taken"), (b">", b"QUIT"), (b"<", b"221 bye")):
		talk.say(way.decode(), line + b"\r\n")
	return talk.end()


def string(data):
	return struct.pack("!I", len(data)) + data


def ssh_packet(payload):
	pad = 8 - (5 + len(payload)) % 8
	pad += 8 if pad < 4 else 0
	return struct.pack("!IB", 1 + len(payload) + pad, pad) + payload + bytes(pad)


LISTS = (b"curve25519-sha256", b"ssh-ed25519", b"aes128-ctr", b"aes128-ctr", b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b"")


def kexinit(lists):
	return ssh_packet(b"\x14" + bytes(16) + b"".join(string(one) for one in lists) + bytes(5))


def ssh(client, server, port):
	key = string(b"ssh-ed25519") + string(b"K" * 32)
	talk = pcap.Talk(client, server, port, 22, START + pcap.SECOND)
	talk.say(">", b"SSH-2.0-scan_1\r\n").say("<", b"SSH-2.0-OpenSSH_9.2\r\n")
	talk.say(">", kexinit(LISTS)).say("<", kexinit((b"curve25519-sha256,kex-strict-s",) + LISTS[1:]))
	talk.say(">", ssh_packet(b"\x1e" + string(b"Q" * 32)))
	talk.say("<", ssh_packet(b"\x1f" + string(key) + string(b"F" * 32) + string(string(b"ssh-ed25519") + string(b"S" * 64))) + ssh_packet(b"\x15"))
	talk.say(">", ssh_packet(b"\x15") + os.urandom(64)).say("<", os.urandom(64))
	return talk.end(), sha256(key)


def hassh(lists):
	return hashlib.md5(b";".join((lists[0], lists[2], lists[4], lists[6]))).hexdigest()


def mail_and_ssh(path):
	"""Writes all of it; returns the fingerprints of client and server, and of the host's key."""
	inbound, key = ssh(OUTSIDE, HOME, 40002)
	outbound, key = ssh(HOME, OUTSIDE, 40003)
	pcap.write(path, sorted(mail() + inbound + outbound))
	return hassh(LISTS), hassh((LISTS[0] + b",kex-strict-s",) + LISTS[1:]), key
