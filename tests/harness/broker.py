"""A Kafka broker of a test's own, in a temporary folder, through deploy/kafka/broker.

    with Broker() as broker:
        broker.topics(partitions=4)
        ... broker.bootstrap ...
        broker.kill()                # as if it had been shot
        broker.restart()             # same address, same data
        for message in broker.read("concert.indicators"):
            ...

Leaving the block kills the broker and removes the folder, unless CONCERT_KEEP is set; brokers that a killed test left
behind go when the next one is started.  Costs about 4 s and 300 MB."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import ending

COMMAND = pathlib.Path(__file__).resolve().parents[2] / "deploy/kafka/broker"
KIND = "broker"


class Unavailable(Exception):
	"""No broker can be had here: a test that needs one says so and is skipped."""


def environment(pom):
	return {**os.environ, "CONCERT_KAFKA_POM": str(pom)} if pom else dict(os.environ)


def why_unavailable(pom=None):
	"""Returns None where a broker can be had, else the reason as text.  Fetches the jars when they are not here."""
	out = subprocess.run([COMMAND, "jars"], capture_output=True, text=True, env=environment(pom))
	if out.returncode != 0:
		return out.stderr.strip()
	if shutil.which("java") is None:
		return "java is not installed"
	return None


class Broker:
	"""config is a dict of Kafka's settings, opts goes to its JVM, scram is a dict of users and passwords, pom names other jars (see
	deploy/kafka/README.md)."""

	def __init__(self, config=None, opts="", scram=None, pom=None, port=0):
		self.config = dict(config or {})
		self.opts = opts
		self.scram, self.pom, self.port = dict(scram or {}), pom, port
		self.dir = None
		self.bootstrap = None

	def __enter__(self):
		reason = why_unavailable(self.pom)
		if reason:
			raise Unavailable(reason)
		sweep()
		ending.unwind_on_term()
		self.dir = pathlib.Path(tempfile.mkdtemp(prefix=ending.name_for(KIND)))
		try:
			words = ["--port", str(self.port)]
			for name, password in self.scram.items():
				words += ["--scram", f"{name}={password}"]
			for key, value in self.config.items():
				words += ["--config", f"{key}={value}"]
			self.bootstrap = self._call("start", *words).strip()
		except BaseException:
			self.close()
			raise
		return self

	def __exit__(self, *exception):
		self.close()

	def _call(self, command, *words):
		env = {**environment(self.pom), "CONCERT_KAFKA_OPTS": self.opts}
		out = subprocess.run([COMMAND, command, "--dir", self.dir, *words], env=env, stdin=subprocess.DEVNULL,
			capture_output=True, text=True)
		if out.returncode != 0:
			raise RuntimeError(f"broker {command}: {out.stderr.strip()}\n{self.log_tail()}")
		return out.stdout

	def kill(self):
		"""SIGKILL.  The data stay."""
		self._call("kill")

	def stop(self):
		"""Lets it end in its own time.  The data stay."""
		self._call("stop")

	def restart(self):
		"""Starts it again after kill() or stop(), with the same address, settings and data."""
		address = self._call("start").strip()
		assert address == self.bootstrap
		return address

	def running(self):
		return subprocess.run([COMMAND, "status", "--dir", self.dir], capture_output=True).returncode == 0

	def topics(self, partitions=4, prefix="concert", properties=None):
		"""Creates the topics of the exchange; properties are librdkafka's, for TLS."""
		words = ["--partitions", str(partitions), "--prefix", prefix]
		for key, value in (properties or {}).items():
			words += ["-X", f"{key}={value}"]
		return self._call("topics", *words)

	def read(self, topic, properties=None, timeout=60):
		"""All that a topic holds now, oldest first within a partition: dicts of partition, offset, ts, key,
		headers and payload. headers is a list of (name, value), since a name may come twice. For text only:
		bytes that are no UTF-8 don't survive kcat's JSON."""
		words = ["kcat", "-b", self.bootstrap, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"]
		for key, value in (properties or {}).items():
			words += ["-X", f"{key}={value}"]
		out = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
		if out.returncode != 0:
			raise RuntimeError(f"kcat: {out.stderr.decode(errors='replace').strip()}")
		messages = [json.loads(line) for line in out.stdout.splitlines()]
		for message in messages:
			flat = message.get("headers") or []
			message["headers"] = list(zip(flat[::2], flat[1::2]))
		return messages

	def write(self, topic, payload, key="", headers=(), properties=None):
		"""Produces one record, waits until it is acknowledged."""
		words = ["kcat", "-b", self.bootstrap, "-P", "-t", topic, "-k", key, "-X", "acks=all"]
		for name, value in headers:
			words += ["-H", f"{name}={value}"]
		for name, value in (properties or {}).items():
			words += ["-X", f"{name}={value}"]
		with tempfile.NamedTemporaryFile() as f:
			f.write(payload if isinstance(payload, bytes) else payload.encode())
			f.flush()
			subprocess.run([*words, f.name], stdin=subprocess.DEVNULL, check=True, capture_output=True,
				timeout=60)

	def log_tail(self, lines=20):
		"""The end of the broker's log, for a failed test's report."""
		try:
			return "\n".join((self.dir / "server.log").read_text(errors="replace").splitlines()[-lines:])
		except OSError:
			return ""

	def close(self):
		if self.dir is not None:
			_remove(self.dir)
		self.dir = None


class Cluster:
	"""Three (or one) nodes with TLS and ACLs, by deploy/kafka/secure and partners, in a temporary folder.

	    with Cluster(3) as cluster:
	        cluster.partners(YAML)              # applies it; returns what the tool said
	        cluster.client("cert.a")            # certificate of a name, as librdkafka's settings
	        cluster.kill(2), cluster.up(2)      # one node, or all"""

	def __init__(self, nodes=3):
		self.nodes = nodes
		self.dir = self.bootstrap = None

	def __enter__(self):
		reason = why_unavailable()
		if reason:
			raise Unavailable(reason)
		sweep()
		ending.unwind_on_term()
		self.dir = pathlib.Path(tempfile.mkdtemp(prefix=ending.name_for(KIND)))
		try:
			self.up()
		except BaseException:
			self.close()
			raise
		return self

	def __exit__(self, *exception):
		self.close()

	def _tool(self, name, *words, check=True):
		out = subprocess.run([COMMAND.parent / name, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
		if check and out.returncode != 0:
			raise RuntimeError(f"{name}: {out.stdout}{out.stderr.strip()}")
		return out

	def _nodes(self, which):
		return [word for n in which for word in ("--node", n)]

	def up(self, *which):
		words = ["up", "--dir", self.dir, "--nodes", self.nodes, "--heap", "256m", *self._nodes(which)]
		self.bootstrap = self._tool("secure", *words).stdout.strip()

	def kill(self, *which):
		"""SIGKILL of these nodes, or of all.  The data stay."""
		self._tool("secure", "kill", "--dir", self.dir, *self._nodes(which))

	def partners(self, text, *words, check=True):
		path = self.dir / "partners.yaml"
		path.write_text(text)
		return self._tool("partners", "apply", path, "--bootstrap", self.bootstrap, "--certs", self.dir / "certs", *words, check=check)

	def certificate(self, name, days=365, folder=None):
		"""Made when it is not there (or made anew when folder is given); returns (certificate, key)."""
		folder = pathlib.Path(folder or self.dir / "certs")
		if folder != self.dir / "certs" and not (folder / "ca.key").exists():
			folder.mkdir(parents=True, exist_ok=True)
			for part in ("ca.key", "ca.pem"):
				shutil.copy(self.dir / "certs" / part, folder / part)
		if not (folder / f"{name}.crt").exists():
			self._tool("certs", "client", "--dir", folder, "--days", days, name)
		return folder / f"{name}.crt", folder / f"{name}.key"

	def client(self, name="admin", days=365, folder=None):
		"""Settings of librdkafka for a client with this name's certificate."""
		certificate, key = self.certificate(name, days, folder)
		return {"security.protocol": "ssl", "ssl.ca.location": self.dir / "certs/ca.pem", "ssl.certificate.location": certificate,
			"ssl.key.location": key}

	def read(self, topic, name="admin"):
		reader = Broker()
		reader.bootstrap = self.bootstrap
		return reader.read(topic, self.client(name))

	def close(self):
		if self.dir is not None:
			for node in sorted(self.dir.glob("node*")):
				subprocess.run([COMMAND, "kill", "--dir", node], capture_output=True)
			if "CONCERT_KEEP" in os.environ:
				print(f"cluster's folder kept: {self.dir}")
			else:
				shutil.rmtree(self.dir, ignore_errors=True)
		self.dir = None


def _remove(folder):
	for node in sorted(pathlib.Path(folder).glob("node*")):
		subprocess.run([COMMAND, "kill", "--dir", node], capture_output=True)
	subprocess.run([COMMAND, "kill", "--dir", folder], capture_output=True)
	if "CONCERT_KEEP" in os.environ:
		print(f"broker's folder kept: {folder}")
	else:
		shutil.rmtree(folder, ignore_errors=True)


def sweep():
	"""Ends the brokers of tests that are no more."""
	for folder in pathlib.Path(tempfile.gettempdir()).iterdir():
		if ending.owner_gone(folder.name, KIND):
			_remove(folder)
