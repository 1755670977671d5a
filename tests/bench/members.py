"""Members of a group of correlators beside one, over a backlog of a real broker.  Where control groups can be made each member has a part of a core of
its own (Linux' cpu controller, version 1), and the broker what is left: so the clock says what as many machines would do, and the ratio is that of two
machines.  Elsewhere they, and the broker, share the cores, and CPU seconds of the busiest are what is left to go by."""
import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/harness"))
import broker

PARTITIONS = 16         # of each topic
TOPICS = 5              # that a correlator reads
QUIET = 20              # seconds in which nothing is committed: all is done; linking what waited is one commit
SETTLE = 3              # for what the one before leaves to the broker
LIMIT = 1800            # seconds
GROUPS = pathlib.Path("/sys/fs/cgroup/cpu")
PERIOD = 20000          # microseconds
SHARES = 8192           # 1,024 is one process of others


def load():
	return f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"


class Part:
	"""So many per cent of a core, for a process that enters it, whatever else runs; None: as many as there are."""

	def __init__(self, name, per_cent=None):
		self.folder = GROUPS / f"concert-bench-{os.getpid()}-{name}"
		self.folder.mkdir()
		(self.folder / "cpu.shares").write_text(str(SHARES))
		if per_cent:
			(self.folder / "cpu.cfs_period_us").write_text(str(PERIOD))
			(self.folder / "cpu.cfs_quota_us").write_text(str(PERIOD * per_cent // 100))

	def enter(self, pid=0):
		(self.folder / "cgroup.procs").write_text(str(pid))

	def leave(self, pid):
		(GROUPS / "cgroup.procs").write_text(str(pid))
		self.remove()

	def remove(self):
		self.folder.rmdir()


def why_no_parts():
	try:
		Part("try", 50).remove()
	except OSError as error:
		return str(error)
	return None


class Member:
	"""A correlator of the group."""

	def __init__(self, words, folder, part):
		self.folder, self.said, self.given, self.part, self.db, self.version, self.state = folder, "", None, part, None, None, (0, 0, 0, 0)
		self.process = subprocess.Popen([*map(str, words), "-l", folder], stderr=subprocess.PIPE, text=True, preexec_fn=part.enter if part else None)
		threading.Thread(target=self.listen, daemon=True).start()

	def listen(self):
		for line in self.process.stderr:
			self.said += line
			if "partitions are ours" in line and int(line.split("partitions are ours")[0].split()[-1]) > 1:
				self.given = self.given or time.time()

	def cpu(self):
		fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
		return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

	def look(self):
		"""Messages accepted, where the nodes' topic was read to, cases, and when one was written last; as it was where nothing was committed."""
		try:
			self.db = self.db or sqlite3.connect(f"file:{self.folder}/joint.sqlite?mode=ro", uri=True, timeout=10)
			version = self.db.execute("PRAGMA data_version").fetchone()[0]
			if version != self.version:
				one = lambda sql: (self.db.execute(sql).fetchone() or (0,))[0] or 0
				self.state = (one("SELECT value FROM counts WHERE name = 'verify.accepted'"), one("SELECT next FROM offsets WHERE place LIKE '%.nodes%/%'"),
				              one("SELECT count(*) FROM cases"), one("SELECT max(updated) FROM cases"))
				self.version = version
		except sqlite3.OperationalError:
			pass
		return self.state

	def end(self):
		"""Once, however the run ends."""
		if self.process.poll() is None:
			self.process.send_signal(signal.SIGTERM)
		self.process.wait()
		if self.db:
			self.db.close()
		if self.part:
			self.part.remove()
		self.db = self.part = None


def cases_of(folders):
	"""The cases of who links, by their id."""
	found = {}
	for folder in folders:
		with sqlite3.connect(f"file:{folder}/joint.sqlite?mode=ro", uri=True, timeout=10) as db:
			found |= dict(db.execute("SELECT id, document FROM cases WHERE merged IS NULL"))
	return found


def started(arguments, kafka, exchange, folder, count, parts):
	"""They come at once: the broker waits for all before it gives anybody partitions."""
	words = [arguments.build / "concert", "correlate", "-q", "--exchange", f"kafka:{kafka.bootstrap}", "--set", "exchange.insecure=yes", "--set", "sensor.organisation=cert.a",
	         "--set", f"exchange.trust={exchange}/trust.yaml", "--set", f"exchange.key={exchange}/sensors/cert.a+s1/keys/sensor.key", "--set", f"joint.group=concert.bench{count}"]
	if count > 1:
		kafka.topics(partitions=1, prefix=f"concert.{count}.nodes")
		words += ["--set", f"joint.nodes_topic={count}.nodes.indicators"]
	return [Member(words, f"{folder}/member-{count}-{k}", Part(f"{count}-{k}", arguments.part) if parts else None) for k in range(count)]


def finished(members, messages):
	"""A few of the messages are the same by chance.  Seconds from when the first was given partitions to the last commit that said anything new, CPU seconds of each until then, messages accepted by each."""
	start = last = ended = spent = None
	deadline = time.time() + LIMIT
	while time.time() < deadline and (last is None or sum(state[0] for state in last) < 0.999 * messages or time.time() - ended < QUIET):
		time.sleep(0.05)
		for one in members:
			if one.process.poll() is not None:
				raise SystemExit(f"a member ended: {one.said}")
		now = [one.look() for one in members]
		if now != last:
			last, ended, spent = now, time.time(), [one.cpu() for one in members]
	start = min(one.given for one in members)
	for one in members:
		one.end()
	return ended - start, spent, [state[0] for state in last]


def compare(arguments, played, messages):
	reason = broker.why_unavailable()
	if reason:
		print(f"no broker, so no members: {reason}")
		return
	why = why_no_parts()
	with broker.Broker(config={"group.initial.rebalance.delay.ms": "3000"}) as kafka, tempfile.TemporaryDirectory(prefix="concert-bench-") as folder, contextlib.ExitStack() as ends:
		kafka.topics(partitions=PARTITIONS)
		exchange = played(arguments, folder, 1)  # keys and trust; of the same organisations
		played(arguments, folder, messages, f"kafka:{kafka.bootstrap}")
		pid = int((kafka.dir / "pid").read_text())
		part = None if why else Part("broker")
		if part:
			ends.callback(part.leave, pid)
			part.enter(pid)
		print(f"\n{messages:,} messages in {PARTITIONS} partitions; " + (f"all share the cores with the broker, so that the clock says little ({why})" if why else
		      f"each member has {arguments.part} per cent of a core, the broker what is left") + f"; {load()}\n\n"
		      "| members | accepted by each | s by the clock | messages a s | CPU s of each | messages a CPU s of the busiest |\n|---:|---|---:|---:|---|---:|", flush=True)
		busiest, wall, cases = {}, {}, {}
		for count in arguments.members:
			time.sleep(SETTLE)
			group = started(arguments, kafka, exchange, folder, count, not why)
			for one in group:
				ends.callback(one.end)
			wall[count], spent, accepted = finished(group, messages)
			cases[count] = cases_of([one.folder for one in group])
			busiest[count] = max(spent)
			print(f"| {count} | {' '.join(f'{n:,}' for n in accepted)} | {wall[count]:.1f} | {messages / wall[count]:,.0f} | {' '.join(f'{s:.2f}' for s in spent)} | {messages / max(spent):,.0f} |", flush=True)
	first = arguments.members[0]
	for count in arguments.members[1:]:
		print(f"\n{count} members by {first}: by CPU seconds of the busiest {busiest[first] / busiest[count]:.2f}; by the clock {wall[first] / wall[count]:.2f}"
		      f"{' (of cores that all share)' if why else ''}; {len(cases[first]):,} cases, {'the same' if cases[first] == cases[count] else 'NOT THE SAME'}")
	print(f"{load()} at the end")
