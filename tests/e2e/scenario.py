"""What the scenarios stand on: the program and its output, what is expected of it, how a scenario ends.

    def main():
        out = concert("read", "-l", outdir("a"), capture("demo"))
        expect(len(alerts(outdir("a"))) == 3, "three alerts")

    run(main)

expect() notes what is wrong and goes on, so that one run shows all of it.  At the end every EVE log below OUT is held
against the schema, where the check for that is here.  An exception is a failure, Skip says why a scenario can't be had."""

import base64
import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import traceback

TOP = pathlib.Path(os.environ["TOP"])
OUT = pathlib.Path(os.environ["OUT"])
CONCERT = os.environ["CONCERT"]
SANITIZED = any(name in pathlib.Path(CONCERT).parent.name for name in ("address", "thread"))
SLOW = 4 if SANITIZED else 1  # how much longer things may take
sys.path.insert(0, str(TOP / "tests/harness"))
sys.path.insert(0, str(TOP / "tests/e2e"))
import ending  # noqa: E402  (found by the lines above)
import pcap  # noqa: E402

_wrong = []


class Skip(Exception):
	"""What the scenario needs is not here."""


def expect(good, what):
	if not good:
		_wrong.append(what)
		print(f"WRONG: {what}", flush=True)
	return bool(good)


def expect_eq(is_, want, what):
	return expect(is_ == want, f"{what}: is {_short(is_)}, should be {_short(want)}")


def _short(value):
	text = repr(value)
	return text if len(text) < 600 else text[:600] + "…"


# The victims of our captures, and of their copies (pcap.Crowd); no heartbeats, so that messages can be counted.
HOME = ("--set", "vars.address.HOME_NET=[192.0.2.0/24,10.0.0.0/8]", "--set", "exchange.heartbeat=0")
# A broker of tests without TLS; without these words nothing goes there.
INSECURE = ("--set", "exchange.insecure=yes")
# One secret for all runs of a scenario, so that they have the same pseudonyms.
SECRETS = ("--set", f"victims.key={OUT}/keys/victims.key")


def outdir(name):
	return OUT / name


def capture(name):
	return TOP / f"tests/captures/{name}.pcap"


def shipped_rules():
	"""Options for the rules that come with the project."""
	return ["-S", TOP / "rules/concert.rules", "-Y", TOP / "rules/concert.yar"]


def write(name, text):
	"""A file below OUT; returns its path."""
	path = OUT / name
	path.parent.mkdir(parents=True, exist_ok=True)
	path.write_text(text, encoding="utf-8")
	return path


Result = collections.namedtuple("Result", "code out err")


def concert(*words, code=0, stdin=None, timeout=60, cwd=None):
	"""Runs the program to its end. stdin is bytes or an open file. code None: whatever."""
	line = [CONCERT, *(str(word) for word in words)]
	options = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin or subprocess.DEVNULL}
	try:
		done = subprocess.run(line, capture_output=True, timeout=timeout * SLOW, cwd=cwd, **options)
	except subprocess.TimeoutExpired as e:
		print(f"$ {' '.join(line)}\n{(e.stderr or b'').decode(errors='replace')}")
		raise RuntimeError(f"concert {words[0]} does not end") from e
	result = Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
	print(f"$ {' '.join(line)}\n{result.err}", end="", flush=True)
	if code is not None:
		expect_eq(result.code, code, f"exit code of concert {words[0]}")
	sanitizer_said(result.err)
	return result


def sanitizer_said(text):
	said = ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer")
	expect(not any(words in text for words in said), "a sanitizer complains, see above")


def read(name, captures, *words, code=0, exchange=None, secured=False, **options):
	"""concert read into the folder OUT/name; captures is one or a list. exchange None: the default, a file exchange.
	secured: a broker of this exchange speaks TLS."""
	captures = captures if isinstance(captures, (list, tuple)) else [captures]
	to = [] if exchange is None else ["--exchange", exchange]
	if exchange is not None and exchange.startswith("kafka:") and not secured:
		to += INSECURE
	return concert("read", "-l", outdir(name), *HOME, *SECRETS, *to, *words, *captures, code=code, **options)


# ---- the EVE log ----

def eve(folder, kind=None):
	"""The lines of the log in a folder below OUT, as dicts; only those of one event type when kind is given."""
	events = []
	path = outdir(folder) / "eve.json"
	if not path.exists():
		expect(False, f"there is no {path}")
		return events
	with open(path, encoding="utf-8") as f:
		for number, line in enumerate(f, 1):
			try:
				event = json.loads(line)
			except ValueError as e:
				expect(False, f"{path}:{number}: {e}")
				continue
			if kind is None or event["event_type"] == kind:
				events.append(event)
	return events


def get(event, path, otherwise=None):
	"""A member by dotted path."""
	for name in path.split("."):
		if not isinstance(event, dict) or name not in event:
			return otherwise
		event = event[name]
	return event


def alerts(folder):
	return eve(folder, "alert")


def sids(events):
	return collections.Counter(event["alert"]["signature_id"] for event in events)


def counter(folder, name):
	"""A counter of the last stats event, by its dotted name."""
	stats = eve(folder, "stats")
	if not stats:
		return None
	value = get(stats[-1]["stats"]["concert"], name)
	return value.get("all") if isinstance(value, dict) else value


# ---- messages ----

Message = collections.namedtuple("Message", "topic key lane headers value")  # value: bytes


def _crc32c_table():
	table = []
	for n in range(256):
		for _ in range(8):
			n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
		table.append(n)
	return table


_CRC = _crc32c_table()


def _crc32c(data):
	crc = 0xFFFFFFFF
	for byte in data:
		crc = _CRC[(crc ^ byte) & 255] ^ crc >> 8
	return crc ^ 0xFFFFFFFF


def messages(folder, checked=8):
	"""All messages of a spool or of a file exchange's topic, read by a decoder of our own, in the order of the
	segments; of the first `checked` the CRC is computed (Python is slow)."""
	found = []
	for path in sorted(pathlib.Path(folder).glob("*.seg")) + sorted(pathlib.Path(folder).glob("*.ccm")):
		raw, at = path.read_bytes(), 0
		while at + 12 <= len(raw):
			size, crc = struct.unpack_from("!II", raw, at + 4)
			if not expect(raw[at:at + 4] == b"CCM1" and at + 12 + size <= len(raw), f"{path}: whole messages at {at}"):
				break
			if len(found) < checked:
				expect_eq(_crc32c(raw[at + 4:at + 8] + raw[at + 12:at + 12 + size]), crc, f"{path}: CRC at {at}")
			found.append(_message(raw[at + 12:at + 12 + size]))
			at += 12 + size
	return found


def _message(body):
	at = 4

	def take(form):
		nonlocal at
		size = struct.unpack_from(form, body, at)[0]
		at += struct.calcsize(form) + size
		return body[at - size:at]

	_, count, lane = struct.unpack_from("!BBH", body)
	topic, key = take("!H").decode(), take("!H").decode()
	headers = {}
	for _ in range(count):
		name = take("!B").decode()
		headers[name] = take("!H").decode()
	return Message(topic, key, lane, headers, take("!I"))


def encoded(message):
	"""A message as a segment has it."""
	def text(form, data):
		return struct.pack(form, len(data)) + data
	body = struct.pack("!BBH", 1, len(message.headers), message.lane) + text("!H", message.topic.encode()) + text("!H", message.key.encode())
	for name, value in message.headers.items():
		body += text("!B", name.encode()) + text("!H", value.encode())
	body += text("!I", message.value)
	size = struct.pack("!I", len(body))
	return b"CCM1" + size + struct.pack("!I", _crc32c(size + body)) + body


def spool(name):
	return messages(outdir(name) / "spool")


def exchanged(name, topic="concert.indicators"):
	"""What lies in the default file exchange of a run."""
	return messages(outdir(name) / "exchange" / topic)


def key_list(name):
	"""The payload of the list of keys beside the key that a run made for itself."""
	text = json.loads((outdir(name) / "keys/sensor.json").read_text())["payload"]
	return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def trust(*names, known=True, **more):
	"""An operator's trust file for the sensors of these runs; the options that use it. known: x is in it, too."""
	found = {}
	for name in names:
		listed = key_list(name)
		keys = found.setdefault(listed["organisation"], {"id": listed["organisation"], "keys": [], **more})["keys"]
		for key in listed["keys"]:
			keys.append({"fingerprint": key["kid"], **({"x": key["x"]} if known else {})})
	path = write(f"trust-{'-'.join(names)}{'' if known else '-kid'}.json", json.dumps({"organisations": list(found.values())}))
	return ("--set", f"exchange.trust={path}")


def watched(*words, code=0, **options):
	"""What concert watch --json shows: messages, refusals, counters."""
	lines = [json.loads(line) for line in concert("watch", "--json", *words, code=code, **options).out.splitlines()]
	counters = [line["counters"] for line in lines if "counters" in line]
	expect_eq(len(counters), 1, "concert watch says its counters in the end")
	return [line for line in lines if "headers" in line], [line for line in lines if "refused" in line], counters[-1] if counters else {}


def ids(list_of_messages):
	return [message.headers["ce_id"] for message in list_of_messages]


def each_once(list_of_messages):
	"""Without the second copies of messages: after a crash one may be written again, as it was."""
	return list({(message.headers["ce_id"], message.headers["ce_sequence"]): message for message in list_of_messages}.values())


def expect_sequences(list_of_messages, what):
	"""In every lane ce_sequence counts from 1 without gaps."""
	last = collections.Counter()
	for message in each_once(list_of_messages):
		last[message.lane] += 1
		if not expect_eq(int(message.headers["ce_sequence"]), last[message.lane], f"{what}: sequence in lane {message.lane}"):
			break


def objects(message, kind):
	"""The STIX objects of one type in a message's bundle."""
	return [one for one in json.loads(message.value)["objects"] if one["type"] == kind]


def basic(message):
	"""The basic information of a sighting."""
	for observed in objects(message, "observed-data"):
		for extension in observed.get("extensions", {}).values():
			if "completeness" in extension:
				return extension
	return {}


def indicators(list_of_messages):
	"""What they speak of and why: a set that does not depend on times and counts."""
	found = set()
	for message in list_of_messages:
		detection = basic(message).get("detection", {})
		found.add((message.key, detection.get("by"), detection.get("name"), detection.get("rule")))
	return found


def sha256(data):
	return hashlib.sha256(data).hexdigest()


# ---- the daemon ----

def children(pid):
	"""Processes by name: {"inspect": pid, "courier": pid}."""
	found = {}
	for entry in pathlib.Path("/proc").iterdir():
		if not entry.name.isdigit():
			continue
		try:
			stat = (entry / "stat").read_text()
		except OSError:
			continue
		name, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
		if int(rest[1]) == pid and rest[0] != "Z":
			found[name] = int(entry.name)
	return found


def wait_for(condition, seconds, what):
	"""Waits until condition() is true, and returns what it gave; after the time it is noted as wrong."""
	end = time.monotonic() + seconds * SLOW
	while True:
		value = condition()
		if value:
			return value
		if time.monotonic() > end:
			expect(False, f"{what} within {seconds} s")
			return value
		time.sleep(0.05)


class Daemon:
	"""concert run on an interface, in a namespace of the harness. Leaving the block ends it by SIGTERM, if it
	still runs, and shows its log."""

	def __init__(self, space, name, *words, interface=None):
		self.name, self.log = name, OUT / f"{name}.log"
		self.control = OUT / f"{name}.control"
		self.line = [CONCERT, "run", "-i", interface or space.device, "-l", outdir(name), "--set",
			f"engine.control={self.control}", *HOME, *words]
		self.space, self.process = space, None

	def __enter__(self):
		print("$", " ".join(map(str, self.line)), flush=True)
		with open(self.log, "wb") as log:
			self.process = self.space.start(self.line, stdout=log, stderr=log)
		try:
			if not wait_for(lambda: self.said("listening on") or self.process.poll() is not None, 20, "the daemon listens"):
				raise RuntimeError("the daemon does not start")
			if self.process.poll() is not None:
				raise RuntimeError(f"the daemon ended with {self.process.returncode}")
		except BaseException:
			self.__exit__()
			raise
		return self

	def __exit__(self, *exception):
		if self.process.poll() is None:
			self.process.send_signal(signal.SIGTERM)
			try:
				self.process.wait(timeout=20 * SLOW)
			except subprocess.TimeoutExpired:
				expect(False, "the daemon ends after SIGTERM")
				self.process.kill()
				self.process.wait()
		text = self.text()
		print(text, end="", flush=True)
		sanitizer_said(text)

	def text(self):
		return self.log.read_text(errors="replace")

	def said(self, text, times=1):
		return self.text().count(text) >= times

	def ctl(self, word, code=0):
		out = subprocess.run([CONCERT, "ctl", "--set", f"engine.control={self.control}", word], capture_output=True, text=True,
			timeout=20 * SLOW)
		if code is not None:
			expect_eq(out.returncode, code, f"exit code of concert ctl {word}")
		return out.stdout + out.stderr

	def counters(self):
		"""All counters, by ctl stats."""
		pairs = (line.rsplit(" ", 1) for line in self.ctl("stats").splitlines())
		return {name: int(value) for name, value in pairs}

	def children(self):
		return children(self.process.pid)

	def taken(self):
		"""Packets that were seen or lost, and nothing else."""
		counts = self.counters()
		return counts["capture.packets"] + counts["capture.kernel_drops"] + counts["capture.interface_drops"]

	def wait_packets(self, count, seconds=15):
		wait_for(lambda: self.taken() >= count, seconds, f"{count} packets arrive")

	def stop(self, code=0):
		"""SIGTERM, and how it ended."""
		self.process.send_signal(signal.SIGTERM)
		expect_eq(self.process.wait(timeout=30 * SLOW), code, "exit code of concert run after SIGTERM")


def need_namespaces():
	import netns
	import shutil
	reason = netns.why_unavailable()
	if reason:
		raise Skip(reason)
	if shutil.which("tcpreplay") is None:
		raise Skip("tcpreplay is not installed")
	return netns


def wire(netns):
	"""A pair of namespaces without any address: nothing passes but what is replayed."""
	return netns.Pair(left=[], right=[])


def replay(pair, *captures, rate=("-p", "2000"), **options):
	"""Sends captures into the left end; returns how many packets were sent."""
	out = pair.left.run(["tcpreplay", "-q", "-i", pair.left.device, *rate, *captures], **options)
	found = re.search(r"(?:Successful packets|Actual):\s*(\d+)", out.stdout + out.stderr)
	sent = re.search(r"Successful packets:\s*(\d+)", out.stdout + out.stderr) or found
	return int(sent.group(1))


def again(name, n):
	"""A shipped capture among other hosts: what is replayed a second time must not be taken for the first's
	retransmissions. Returns its path."""
	path = OUT / f"{name}-{n}.pcap"
	packets = pcap.Crowd(pcap.read(capture(name))).copy(n)
	pcap.write(path, packets)
	return path


def need_broker():
	import broker
	reason = broker.why_unavailable()
	if reason:
		raise Skip(reason.splitlines()[-1])
	import shutil
	if shutil.which("kcat") is None:
		raise Skip("kcat is not installed")
	return broker


# ---- what others' libraries say ----

GOLDEN = TOP / "tests/golden"


def npm_modules():
	"""Where jose, ajv and AsyncAPI's parser are, fetched when they are not here yet or their lock file is another; None: nowhere."""
	folder = TOP / "build/golden"
	if shutil.which("npm") is None:
		return print("without npm: it is not installed")
	# Debian 12's has WebCrypto, but not under its name.
	if subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.startswith("v18."):
		os.environ["NODE_OPTIONS"] = "--experimental-global-webcrypto"
	folder.mkdir(parents=True, exist_ok=True)
	for file in GOLDEN.iterdir():
		if file.suffix in (".json", ".mjs"):
			shutil.copy(file, folder)
	lock, stamp = (GOLDEN / "package-lock.json").read_bytes(), folder / "node_modules/.fetched"
	if stamp.exists() and stamp.read_text() == sha256(lock):
		return folder
	done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True, text=True, timeout=240)
	if done.returncode != 0:
		return print(f"without npm: npm ci failed: {done.stderr[-300:]}")
	stamp.write_text(sha256(lock))
	return folder


# ---- the end ----

def _hold_schema():
	check = TOP / "tests/conformance/eve-schema"
	logs = sorted(str(path) for path in OUT.rglob("eve*.json"))
	if not logs or not os.access(check, os.X_OK):
		return
	out = subprocess.run([check, *logs], capture_output=True, text=True)
	if out.returncode not in (0, 77):
		print(out.stdout[-6000:], out.stderr[-2000:])
		expect(False, "the EVE logs pass the schema")


def _hold_contract():
	"""What the program wrote to its spools is what sensor/exchange/schema.json says."""
	spools = sorted({str(path.parent) for path in OUT.rglob("*.seg")})
	if not spools:
		return
	out = subprocess.run([TOP / "tests/conformance/exchange-schema", *spools], capture_output=True, text=True)
	if out.returncode not in (0, 77):
		print(out.stdout[-6000:], out.stderr[-2000:])
		expect(False, "the messages fit sensor/exchange/schema.json")


def run(main):
	ending.unwind_on_term()
	try:
		main()
		_hold_schema()
		_hold_contract()
	except Skip as e:
		print(e)
		sys.exit(77)
	except Exception:
		traceback.print_exc()
		print(f"{len(_wrong)} wrong before that:", *_wrong, sep="\n  ")
		sys.exit(1)
	if _wrong:
		print(f"{len(_wrong)} wrong:", *_wrong, sep="\n  ")
		sys.exit(1)
