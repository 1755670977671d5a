"""Kafka's protocol (kafka.apache.org/protocol), as much as an administrator needs, over TLS with a client certificate: topics, their
settings, ACLs, client quotas.  Early versions of each request, which all brokers from 2.6 to 4.x have, except where noted.

    with Client("host:9093", ca, cert, key) as client:
        client.acls()"""

import socket
import ssl
import struct

METADATA, CREATE_TOPICS, DESCRIBE_ACLS, CREATE_ACLS, DELETE_ACLS, DESCRIBE_CONFIGS = 3, 19, 29, 30, 31, 32
CREATE_PARTITIONS, ALTER_CONFIGS, DESCRIBE_QUOTAS, ALTER_QUOTAS = 37, 44, 48, 49
VERSION = {METADATA: 5, CREATE_TOPICS: 4, DESCRIBE_ACLS: 1, CREATE_ACLS: 1, DELETE_ACLS: 1, DESCRIBE_CONFIGS: 1,
	CREATE_PARTITIONS: 1, ALTER_CONFIGS: 0, DESCRIBE_QUOTAS: 0, ALTER_QUOTAS: 0}
KINDS = {1: "any", 2: "topic", 3: "group", 4: "cluster", 5: "transactional_id", 6: "delegation_token", 7: "user"}
PATTERNS = {1: "any", 2: "match", 3: "literal", 4: "prefixed"}
OPERATIONS = {1: "any", 2: "all", 3: "read", 4: "write", 5: "create", 6: "delete", 7: "alter", 8: "describe", 9: "cluster_action",
	10: "describe_configs", 11: "alter_configs", 12: "idempotent_write", 13: "create_tokens", 14: "describe_tokens",
	15: "two_phase_commit"}
PERMISSIONS = {1: "any", 2: "deny", 3: "allow"}
ERRORS = {-1: "unknown server error, see the broker's log", 3: "no such topic", 7: "timed out",
	29: "not authorised on the topic", 31: "not authorised on the cluster: the certificate must be one of super.users",
	36: "exists already", 38: "more copies than brokers", 41: "not the controller", 42: "invalid request"}
SECONDS = 30


class Refused(Exception):
	"""The cluster will not do it, or cannot be reached."""


def _number(table, word):
	return next(number for number, name in table.items() if name == word)


class Out:
	"""What a request is made of."""

	def __init__(self):
		self.bytes = b""

	def put(self, form, *values):
		self.bytes += struct.pack("!" + form, *values)
		return self

	def text(self, value):
		if value is None:
			return self.put("h", -1)
		raw = value.encode()
		self.put("h", len(raw))
		self.bytes += raw
		return self

	def list(self, values, each):
		self.put("i", len(values))
		for value in values:
			each(value)
		return self


class In:
	"""What an answer is made of."""

	def __init__(self, raw):
		self.raw, self.at = raw, 0

	def take(self, form):
		values = struct.unpack_from("!" + form, self.raw, self.at)
		self.at += struct.calcsize("!" + form)
		return values[0] if len(values) == 1 else values

	def text(self):
		size = self.take("h")
		if size < 0:
			return None
		self.at += size
		return self.raw[self.at - size:self.at].decode(errors="replace")

	def list(self, each):
		return [each() for _ in range(max(0, self.take("i")))]


def _check(error, text=None):
	if error != 0:
		raise Refused(text or ERRORS.get(error, f"error {error} of Kafka's protocol"))


class Client:
	def __init__(self, bootstrap, ca, cert, key):
		try:
			context = ssl.create_default_context(cafile=ca)
			context.load_cert_chain(cert, key)
		except (OSError, ssl.SSLError) as e:
			raise Refused(f"{ca}, {cert}, {key}: {e}") from e
		self.socket = self._connect(bootstrap, context)
		self.number = 0

	def __enter__(self):
		return self

	def __exit__(self, *exception):
		self.socket.close()

	def _connect(self, bootstrap, context):
		wrong = []
		for address in bootstrap.split(","):
			host, _, port = address.strip().rpartition(":")
			try:
				plain = socket.create_connection((host.strip("[]"), int(port)), SECONDS)
				return context.wrap_socket(plain, server_hostname=host.strip("[]"))
			except (OSError, ValueError) as e:
				wrong.append(f"{address}: {e}")
		raise Refused("; ".join(wrong))

	def call(self, api, body):
		self.number += 1
		head = Out().put("hhi", api, VERSION[api], self.number).text("concert-partners")
		raw = head.bytes + body.bytes
		try:
			self.socket.sendall(struct.pack("!i", len(raw)) + raw)
			answer = self._read(struct.unpack("!i", self._read(4))[0])
		except OSError as e:
			raise Refused(f"the broker ended the connection: {e}") from e
		return In(answer[4:])

	def _read(self, size):
		got = b""
		while len(got) < size:
			piece = self.socket.recv(size - len(got))
			if not piece:
				raise Refused("the broker ended the connection: does it know the issuer of our certificate?")
			got += piece
		return got

	# ---- topics ----

	def topics(self):
		"""{name: (partitions, copies)}"""
		answer = self.call(METADATA, Out().put("i", -1).put("?", False))
		answer.take("i")
		answer.list(lambda: (answer.take("i"), answer.text(), answer.take("i"), answer.text()))
		answer.text(), answer.take("i")
		found = {}

		def partition():
			answer.take("hii")
			copies = answer.list(lambda: answer.take("i"))
			answer.list(lambda: answer.take("i")), answer.list(lambda: answer.take("i"))
			return len(copies)

		def topic():
			answer.take("h")
			name = answer.text()
			answer.take("?")
			copies = answer.list(partition)
			found[name] = (len(copies), max(copies, default=0))

		answer.list(topic)
		return found

	def create_topic(self, name, partitions, copies, config):
		out = Out().put("i", 1).text(name).put("ihi", partitions, copies, 0)
		out.list(list(config.items()), lambda item: out.text(item[0]).text(item[1]))
		answer = self.call(CREATE_TOPICS, out.put("i?", SECONDS * 1000, False))
		answer.take("i")
		answer.list(lambda: (answer.text(), _check(answer.take("h"), answer.text())))

	def grow_topic(self, name, partitions):
		out = Out().put("i", 1).text(name).put("ii", partitions, -1).put("i?", SECONDS * 1000, False)
		answer = self.call(CREATE_PARTITIONS, out)
		answer.take("i")
		answer.list(lambda: (answer.text(), _check(answer.take("h"), answer.text())))

	def topic_config(self, name, keys):
		out = Out().put("ib", 1, 2).text(name)
		out.list(keys, out.text).put("?", False)
		answer = self.call(DESCRIBE_CONFIGS, out)
		answer.take("i")
		found = {}

		def setting():
			key, value = answer.text(), answer.text()
			answer.take("?b?")
			answer.list(lambda: (answer.text(), answer.text(), answer.take("b")))
			found[key] = value

		def resource():
			_check(answer.take("h"), answer.text())
			answer.take("b"), answer.text()
			answer.list(setting)

		answer.list(resource)
		return found

	def set_topic_config(self, name, config):
		out = Out().put("ib", 1, 2).text(name)
		out.list(list(config.items()), lambda item: out.text(item[0]).put("b", 0).text(item[1])).put("?", False)
		answer = self.call(ALTER_CONFIGS, out)
		answer.take("i")
		answer.list(lambda: (_check(answer.take("h"), answer.text()), answer.take("b"), answer.text()))

	# ---- ACLs ----

	def acls(self):
		"""[(kind, name, pattern, principal, host, operation, permission)]"""
		out = Out().put("b", 1).text(None).put("b", 1).text(None).text(None).put("bb", 1, 1)
		answer = self.call(DESCRIBE_ACLS, out)
		answer.take("i")
		_check(answer.take("h"), answer.text())
		found = []

		def resource():
			kind, name, pattern = answer.take("b"), answer.text(), answer.take("b")

			def acl():
				principal, host = answer.text(), answer.text()
				operation, permission = answer.take("bb")
				found.append((KINDS.get(kind, str(kind)), name, PATTERNS.get(pattern, str(pattern)), principal, host,
					OPERATIONS.get(operation, str(operation)), PERMISSIONS.get(permission, str(permission))))

			answer.list(acl)

		answer.list(resource)
		return found

	@staticmethod
	def _acl(out, acl):
		out.put("b", _number(KINDS, acl.kind)).text(acl.name).put("b", _number(PATTERNS, acl.pattern)).text(acl.principal)
		out.text(acl.host).put("bb", _number(OPERATIONS, acl.operation), _number(PERMISSIONS, acl.permission))

	def create_acls(self, acls):
		out = Out()
		answer = self.call(CREATE_ACLS, out.list(acls, lambda acl: self._acl(out, acl)))
		answer.take("i")
		answer.list(lambda: _check(answer.take("h"), answer.text()))

	def delete_acls(self, acls):
		out = Out()
		answer = self.call(DELETE_ACLS, out.list(acls, lambda acl: self._acl(out, acl)))
		answer.take("i")

		def one():
			_check(answer.take("h"), answer.text())
			answer.list(lambda: (_check(answer.take("h"), answer.text()), answer.take("b"), answer.text(), answer.take("b"),
				answer.text(), answer.text(), answer.take("bb")))

		answer.list(one)

	# ---- quotas ----

	def quotas(self):
		"""{user: {name: value}}; of users alone, not of client ids."""
		answer = self.call(DESCRIBE_QUOTAS, Out().put("i", 1).text("user").put("b", 2).text(None).put("?", True))
		answer.take("i")
		_check(answer.take("h"), answer.text())
		found = {}

		def entry():
			entity = answer.list(lambda: (answer.text(), answer.text()))
			values = dict(answer.list(lambda: (answer.text(), answer.take("d"))))
			if len(entity) == 1 and entity[0][0] == "user" and entity[0][1] is not None:
				found[entity[0][1]] = values

		answer.list(entry)
		return found

	def set_quota(self, user, values):
		"""A value None takes the quota away."""
		out = Out().put("ii", 1, 1).text("user").text(user)
		out.list(list(values.items()), lambda item: out.text(item[0]).put("d?", item[1] or 0.0, item[1] is None))
		answer = self.call(ALTER_QUOTAS, out.put("?", False))
		answer.take("i")
		answer.list(lambda: (_check(answer.take("h"), answer.text()), answer.list(lambda: (answer.text(), answer.text()))))
