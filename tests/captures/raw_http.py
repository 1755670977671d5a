#!/usr/bin/env python3
"""The HTTP clients that curl cannot play, for ./make:  raw_http.py ADDRESS PORT pipeline|slow|odd

pipeline  four requests in one write, answers read until the server closes
slow      one request, a byte a segment
odd       what a correct client never sends: folded header, bare LF, absolute URI, a doubled header, lower-case
          method, dot segments"""

import socket
import sys
import time

HOST = b"www.example.com"


def request(line, *headers):
	return b"\r\n".join([line, b"Host: " + HOST, *headers, b"", b""])


def connect(address, port):
	sock = socket.create_connection((address, port), 10)
	sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	return sock


def drain(sock):
	count = 0
	while True:
		data = sock.recv(65536)
		if not data:
			return count
		count += len(data)


def pipeline(address, port):
	body = b"order=2&second=yes"
	with connect(address, port) as sock:
		sock.sendall(request(b"GET /index.html HTTP/1.1", b"User-Agent: raw-pipeline/1") +
			request(b"POST /form HTTP/1.1", b"Content-Type: application/x-www-form-urlencoded",
				b"Content-Length: %d" % len(body)) + body +
			request(b"HEAD /text.txt HTTP/1.1") +
			request(b"GET /missing HTTP/1.1", b"Connection: close"))
		drain(sock)


def slow(address, port):
	with connect(address, port) as sock:
		headers = b"User-Agent: raw-slow/1", b"Connection: close"
		for byte in request(b"GET /index.html?slow=1 HTTP/1.1", *headers):
			sock.send(bytes([byte]))
			time.sleep(0.002)
		drain(sock)


def odd(address, port):
	for data in (
		b"GET http://www.example.com/index.html?absolute=1 HTTP/1.1\r\n"
			b"Host: other.example.com\r\nConnection: close\r\n\r\n",
		b"GET /index.html?bare-lf=1 HTTP/1.0\nHost: www.example.com\nX-Double: one\nX-Double: two\n\n",
		b"GET /index.html?folded=1 HTTP/1.0\r\nHost: www.example.com\r\nX-Folded: first\r\n second\r\n\r\n",
		b"get /index.html HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n",
		b"GET /%69ndex.html?q=%27%20OR%201=1-- HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n",
		b"GET /a/../b/./../index.html HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n",
	):
		with connect(address, port) as sock:
			sock.sendall(data)
			drain(sock)


if __name__ == "__main__":
	{"pipeline": pipeline, "slow": slow, "odd": odd}[sys.argv[3]](sys.argv[1], int(sys.argv[2]))
