"""Two network namespaces, joined by a veth pair, for tests that need packets on a wire.

    with Pair(left=["192.0.2.10/24"], right=["198.51.100.20/24"]) as pair:
        server = pair.right.start(["nginx", ...])
        pair.left.run(["curl", "http://198.51.100.20/"])
        # pair.left.device is the left end's interface

The two ends reach each other's networks directly, without a router.  Needs root and iproute2, ethtool.  Leaving the
block ends every process that runs in the namespaces and removes them, also on an exception and on SIGTERM; what a
killed test left behind goes when the next pair is made."""

import ctypes
import ipaddress
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import ending

KIND = "net"  # names are concert-net-<pid>-<number>-<side>: sweep() sees by the pid whose they are
PR_SET_PDEATHSIG = 1
_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
	"""Namespaces cannot be had here: a test that needs them says so and is skipped."""


def _ip(*words):
	out = subprocess.run(["ip", *words], capture_output=True, text=True)
	if out.returncode != 0:
		raise RuntimeError(f"ip {' '.join(words)}: {out.stderr.strip()}")
	return out.stdout


def why_unavailable():
	"""Returns None where namespaces can be had, else the reason as text."""
	if os.geteuid() != 0:
		return "network namespaces need root"
	for tool in ("ip", "ethtool"):
		if shutil.which(tool) is None:
			return f"{tool} is not installed"
	# As ip does it for a namespace; in a chroot whose root is no mount point it can't.
	done = subprocess.run(["unshare", "--mount", "--propagation", "slave", "true"], capture_output=True, text=True)
	if done.returncode != 0:
		return f"network namespaces can't be had here: {done.stderr.strip()}"
	return None


def _die_with_parent():
	_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Namespace:
	"""One end.  Commands are run inside by `ip netns exec`."""

	def __init__(self, name, device):
		self.name = name
		self.device = device
		self.started = []

	def _words(self, words):
		return ["ip", "netns", "exec", self.name, *[str(word) for word in words]]

	def run(self, words, timeout=60, check=True, **options):
		"""Runs a command to its end; returns subprocess's CompletedProcess with its output as text."""
		options.setdefault("capture_output", True)
		options.setdefault("text", True)
		out = subprocess.run(self._words(words), timeout=timeout, **options)
		if check and out.returncode != 0:
			raise RuntimeError(f"{' '.join(map(str, words))}: ended with {out.returncode}: {out.stderr}")
		return out

	def start(self, words, **options):
		"""Starts a command that keeps running; returns subprocess's Popen. It ends with the pair, or with
		this test."""
		options.setdefault("stdin", subprocess.DEVNULL)
		# PDEATHSIG follows the thread that forks: only the main one lives as long as the test does.
		if threading.current_thread() is threading.main_thread():
			options.setdefault("preexec_fn", _die_with_parent)
		process = subprocess.Popen(self._words(words), **options)
		self.started.append(process)
		return process

	def wait_port(self, port, address, process=None, limit=20):
		"""Waits until somebody listens on a TCP port of this namespace."""
		end = time.monotonic() + limit
		script = f"import socket; socket.create_connection(({address!r}, {int(port)}), 1)"
		while subprocess.run(self._words(["python3", "-c", script]), capture_output=True).returncode != 0:
			if process is not None and process.poll() is not None:
				raise RuntimeError(f"{process.args} ended with {process.returncode}")
			if time.monotonic() > end:
				raise RuntimeError(f"nobody listens on {address} port {port} after {limit} s")
			time.sleep(0.1)

	def _pids(self):
		out = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
		return [int(pid) for pid in out.stdout.split()]

	def close(self):
		for sig, limit in ((signal.SIGTERM, 3), (signal.SIGKILL, 5)):
			end = time.monotonic() + limit
			for pid in self._pids():
				try:
					os.kill(pid, sig)
				except ProcessLookupError:
					pass
			while time.monotonic() < end and self._pids():
				for process in self.started:
					process.poll()
				time.sleep(0.02)
		for process in self.started:
			process.wait(timeout=5)
		self.started = []


class Pair:
	"""Two namespaces, left and right. Addresses are given as 192.0.2.10/24 or 2001:db8::1/64; resolver is the
	address that the left end's programs ask for names."""

	def __init__(self, left, right, resolver=None, mtu=1500):
		self.addresses = {"left": left, "right": right}
		self.resolver = resolver
		self.mtu = mtu
		self.left = self.right = None

	def __enter__(self):
		reason = why_unavailable()
		if reason:
			raise Unavailable(reason)
		sweep()
		ending.unwind_on_term()
		stem = f"{ending.name_for(KIND)}{next(_numbers)}"
		self.left = Namespace(stem + "-left", "left0")
		self.right = Namespace(stem + "-right", "right0")
		try:
			self._make()
		except BaseException:
			self.close()
			raise
		return self

	def __exit__(self, *exception):
		self.close()

	def _make(self):
		left, right = self.left, self.right
		_ip("netns", "add", left.name)
		_ip("netns", "add", right.name)
		# 00-00-5E-00-53 are the addresses for documentation (RFC 7042).
		_ip("link", "add", left.device, "address", "00:00:5e:00:53:0a", "netns", left.name, "type", "veth",
			"peer", "name", right.device, "address", "00:00:5e:00:53:14", "netns", right.name)
		for side, other in (("left", "right"), ("right", "left")):
			self._set_up(getattr(self, side), self.addresses[side], self.addresses[other])
		if self.resolver:
			os.makedirs(f"/etc/netns/{left.name}", exist_ok=True)
			with open(f"/etc/netns/{left.name}/resolv.conf", "w", encoding="ascii") as f:
				f.write(f"nameserver {self.resolver}\n")

	def _set_up(self, space, own, others):
		_ip("-n", space.name, "link", "set", "lo", "up")
		# No link-local address, so no neighbour chatter of its own; and what is captured must be what a wire
		# would carry, with checksums in place and no segment larger than the MTU.
		_ip("-n", space.name, "link", "set", space.device, "addrgenmode", "none", "mtu", str(self.mtu))
		offloads = [word for name in ("tx", "rx", "tso", "gso", "gro") for word in (name, "off")]
		space.run(["ethtool", "-K", space.device, *offloads])
		_ip("-n", space.name, "link", "set", space.device, "up")
		mine = {ipaddress.ip_interface(address).network for address in own}
		for address in own:
			words = ["nodad"] if ipaddress.ip_interface(address).version == 6 else []
			_ip("-n", space.name, "addr", "add", address, "dev", space.device, *words)
		for network in {ipaddress.ip_interface(address).network for address in others} - mine:
			_ip("-n", space.name, f"-{network.version}", "route", "add", str(network), "dev", space.device)

	def close(self):
		for space in (self.left, self.right):
			if space is not None:
				space.close()
				_remove(space.name)
		self.left = self.right = None


def _remove(name):
	subprocess.run(["ip", "netns", "del", name], capture_output=True)
	shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)


def sweep():
	"""Removes the namespaces of tests that are no more."""
	for line in _ip("netns", "list").splitlines():
		name = line.split()[0]
		if ending.owner_gone(name, KIND):
			Namespace(name, "").close()
			_remove(name)


class Capture:
	"""Records what passes an interface of a namespace into a file, with tcpdump.

	    with Capture(pair.left, "/tmp/x.pcap"):
	        ...
	"""

	def __init__(self, space, path, expression=""):
		self.space, self.path, self.expression = space, str(path), expression
		self.process = None

	def __enter__(self):
		words = ["tcpdump", "-i", self.space.device, "-n", "-s", "0", "-U", "--immediate-mode", "-B", "4096",
			"-Z", "root", "-w", self.path]
		if self.expression:
			words.append(self.expression)
		self.errors = tempfile.TemporaryFile("w+")
		self.process = self.space.start(words, stderr=self.errors)
		end = time.monotonic() + 10
		while "listening on" not in self._said():
			if self.process.poll() is not None or time.monotonic() > end:
				raise RuntimeError(f"tcpdump does not record: {self._said()}")
			time.sleep(0.02)
		return self

	def _said(self):
		self.errors.seek(0)
		return self.errors.read()

	def __exit__(self, kind, *exception):
		time.sleep(0.3)  # the last acknowledgements
		if self.process.poll() is None:
			self.process.send_signal(signal.SIGINT)
		self.process.wait(timeout=10)
		said = self._said()
		self.errors.close()
		if kind is None and "\n0 packets dropped by kernel" not in said:
			raise RuntimeError(f"tcpdump lost packets: {said}")
