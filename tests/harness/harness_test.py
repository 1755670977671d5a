#!/usr/bin/env python3
"""The harness holds what it promises.  Run as root for all of it; half a minute."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import broker  # noqa: E402
import netns  # noqa: E402


def spaces():
	return {line.split()[0] for line in netns._ip("netns", "list").splitlines() if line.startswith("concert-net-")}


def child(body):
	"""A test of its own that says "ready" and then waits to be killed."""
	script = f"import sys, time\nsys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})\n"
	script += textwrap.dedent(body)
	process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
	assert process.stdout.readline() == "ready\n"
	process.stdout.close()
	return process


@unittest.skipIf(netns.why_unavailable(), netns.why_unavailable())
class NetnsTest(unittest.TestCase):
	WAITS = """
	import netns
	with netns.Pair(["192.0.2.1/24"], ["192.0.2.2/24"], resolver="192.0.2.2") as pair:
		pair.right.start(["sleep", "1000"])
		print("ready", flush=True)
		time.sleep(1000)
	"""

	def test_traffic_and_capture(self):
		with tempfile.TemporaryDirectory() as tmp:
			with netns.Pair(["192.0.2.1/24", "2001:db8:a::1/64"],
				["198.51.100.2/24", "2001:db8:b::2/64"]) as pair:
				with netns.Capture(pair.left, pathlib.Path(tmp) / "ping.pcap", "icmp or icmp6"):
					for address in ("198.51.100.2", "2001:db8:b::2"):
						pair.left.run(["ping", "-c", "1", "-W", "5", "-s", "100", address])
				out = pair.left.run(["ping", "-c", "1", "-W", "1", "203.0.113.1"], check=False)
				self.assertNotEqual(out.returncode, 0)
				with self.assertRaises(RuntimeError):
					pair.left.run(["false"])
			size = os.path.getsize(os.path.join(tmp, "ping.pcap"))
			self.assertGreater(size, 24 + 4 * (16 + 142))
		self.assertEqual(spaces(), set())

	def test_gone_after_exception(self):
		with self.assertRaises(ZeroDivisionError):
			with netns.Pair(["192.0.2.1/24"], ["192.0.2.2/24"], resolver="192.0.2.2") as pair:
				process = pair.right.start(["sleep", "1000"])
				name = pair.left.name
				self.assertTrue(os.path.exists(f"/etc/netns/{name}"))
				1 / 0
		self.assertIsNotNone(process.poll())
		self.assertFalse(os.path.exists(f"/etc/netns/{name}"))
		self.assertEqual(spaces(), set())

	def test_gone_after_term(self):
		process = child(self.WAITS)
		self.assertEqual(len(spaces()), 2)
		process.terminate()
		self.assertEqual(process.wait(20), 128 + signal.SIGTERM)
		self.assertEqual(spaces(), set())

	def test_gone_after_kill(self):
		process = child(self.WAITS)
		process.kill()
		process.wait()
		self.assertEqual(len(spaces()), 2)
		netns.sweep()
		self.assertEqual(spaces(), set())


@unittest.skipIf(broker.why_unavailable(), broker.why_unavailable())
class BrokerTest(unittest.TestCase):
	def test_life(self):
		with broker.Broker({"num.io.threads": 3}) as one:
			folder = one.dir
			self.assertEqual(one.topics(partitions=2).count("created"), 6)
			self.assertIn("exists concert.health", one.topics(partitions=2))
			for number in range(3):
				one.write("concert.requests", f"{{\"n\": {number}}}", key="k",
					headers=[("tlp", "CLEAR"), ("tlp", "x")])
			one.kill()
			self.assertFalse(one.running())
			one.restart()
			one.stop()
			one.restart()
			self.assertTrue(one.running())
			self.assertIn("num.io.threads=3", (folder / "server.properties").read_text())
			messages = one.read("concert.requests")
			self.assertEqual([message["payload"] for message in messages],
				['{"n": 0}', '{"n": 1}', '{"n": 2}'])
			self.assertEqual(messages[0]["headers"], [("tlp", "CLEAR"), ("tlp", "x")])
			self.assertEqual(one.read("concert.cases"), [])
		self.assertFalse(folder.exists())

	def test_bad_config(self):
		with self.assertRaisesRegex(RuntimeError, "format.log|server.log"):
			with broker.Broker({"num.io.threads": "many"}):
				pass

	def test_gone_after_kill(self):
		process = child("""
		import broker
		one = broker.Broker().__enter__()
		print("ready", flush=True)
		time.sleep(1000)
		""")
		stem = f"concert-broker-{process.pid}-"
		process.kill()
		process.wait()
		folders = list(pathlib.Path(tempfile.gettempdir()).glob(stem + "*"))
		self.assertEqual(len(folders), 1)
		pid = int((folders[0] / "pid").read_text())
		broker.sweep()
		time.sleep(0.2)
		self.assertFalse(folders[0].exists())
		self.assertFalse(broker.ending.alive(pid))


if __name__ == "__main__":
	unittest.main(verbosity=2)
