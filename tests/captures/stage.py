"""What the recordings share: two hosts on a wire, and the servers on the right one.  See make."""

import contextlib
import os
import pathlib
import random
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))
import netns  # noqa: E402  (the harness lies beside)

CLIENT, CLIENT6 = "192.0.2.10", "2001:db8:a::10"
RESOLVER = "192.0.2.53"
WEB, WEB6 = "198.51.100.20", "2001:db8:b::20"
EVIL, C2 = "203.0.113.66", "198.51.100.99"
NAMESERVER = f"""
no-resolv
no-hosts
no-daemon
log-facility=-
bind-interfaces
listen-address={RESOLVER},{WEB6}
local-ttl=300
edns-packet-max=4096
"""
NGINX = """
daemon off;
user root;
worker_processes 1;
pid {tmp}/nginx.pid;
error_log {tmp}/error.log warn;
{modules}
events {{ worker_connections 256; }}
http {{
	access_log off;
	types {{ text/html html; text/plain txt; application/javascript js; application/octet-stream bin exe; }}
	default_type application/octet-stream;
	client_body_temp_path {tmp}/body;
	proxy_temp_path {tmp}/proxy;
	fastcgi_temp_path {tmp}/fastcgi;
	uwsgi_temp_path {tmp}/uwsgi;
	scgi_temp_path {tmp}/scgi;
	root {tmp}/www;
	{servers}
}}
"""
MTIME = 1767225600  # of every served file: 2026-01-01


class Stage:
	"""Owns the namespaces and a temporary folder; use as a context."""

	def __init__(self, mtu=1500):
		self.mtu = mtu
		self.closing = contextlib.ExitStack()

	def __enter__(self):
		try:
			folder = tempfile.TemporaryDirectory(prefix="concert-captures-")
			self.tmp = pathlib.Path(self.closing.enter_context(folder))
			self.pair = self.closing.enter_context(netns.Pair(
				[CLIENT + "/24", CLIENT6 + "/64"],
				[RESOLVER + "/24", WEB + "/24", C2 + "/24", EVIL + "/24", WEB6 + "/64"],
				resolver=RESOLVER, mtu=self.mtu))
		except BaseException:
			self.closing.close()
			raise
		self.client, self.server = self.pair.left, self.pair.right
		(self.tmp / "www").mkdir()
		return self

	def __exit__(self, *exception):
		self.closing.close()

	def capture(self, name):
		return netns.Capture(self.client, HERE / f"{name}.pcap")

	def write(self, path, content):
		path = self.tmp / path
		path.parent.mkdir(parents=True, exist_ok=True)
		path.write_bytes(content if isinstance(content, bytes) else content.encode())
		os.utime(path, (MTIME, MTIME))
		return path

	def nginx(self, servers, port=80, address=WEB):
		brotli = pathlib.Path("/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so")
		modules = f"load_module {brotli};" if "brotli" in servers else ""
		conf = self.write("nginx.conf", NGINX.format(tmp=self.tmp, modules=modules, servers=servers))
		process = self.server.start(["nginx", "-c", conf])
		self.server.wait_port(port, address, process)
		return process

	def dnsmasq(self, records):
		conf = self.write("dnsmasq.conf", NAMESERVER + records)
		process = self.server.start(["dnsmasq", "-C", conf, "--user=root", "--pid-file="],
			stderr=open(self.tmp / "dnsmasq.log", "w"))
		self.server.wait_port(53, RESOLVER, process)
		return process

	def curl(self, *words, fails=False):
		"""A failure that is not meant stops the recording."""
		return self.client.run(["curl", "-sS", "-o", "/dev/null", "--max-time", "30", *words], check=not fails)

	def certificate(self, name, subject, *options, key="rsa:2048", signer=None, days="7300"):
		"""Makes name.key and name.pem; signed by itself, or by the certificate named signer."""
		words = ["openssl", "req", "-new", "-x509", "-nodes", "-newkey", *key.split(), "-days", days,
			"-subj", subject, "-keyout", self.tmp / f"{name}.key", "-out", self.tmp / f"{name}.pem"]
		for option in options:
			words += ["-addext", option]
		if signer:
			words += ["-CA", self.tmp / f"{signer}.pem", "-CAkey", self.tmp / f"{signer}.key"]
		self.server.run(words)


def prose(size, seed=1):
	"""Text that compresses as text does, the same at every run."""
	words = ("the packet that nobody kept is one nobody can show and a sensor says what it saw what it lost and "
		"how sure its clock was").split()
	rng = random.Random(seed)
	lines, length = [], 0
	while length < size:
		line = " ".join(rng.choice(words) for _ in range(12)) + ".\n"
		lines.append(line)
		length += len(line)
	return "".join(lines)[:size]


def noise(size, seed=1):
	"""Bytes that don't compress, the same at every run."""
	return random.Random(seed).randbytes(size)
