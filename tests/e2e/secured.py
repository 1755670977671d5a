"""What the scenarios on a cluster with TLS and ACLs share."""
import collections

from scenario import *

RULES = """
alert http any any -> any any (msg:"beacon"; http.uri; content:"/gate.php"; sid:1; rev:1;)
alert tls any any -> any any (msg:"drop point"; tls.sni; content:"gate.example.test"; sid:2; rev:1;)
"""
HEAD = "prefix: {}\npartitions: 4\nreplication: 3\npartners:\n"
ALPHA = "  - {id: cert.alpha, quota: {produce: 50M}}\n"


def settings(found):
	"""librdkafka's settings as options of concert."""
	return [word for key, value in found.items() for word in ("--set", f"kafka.{key}={value}")]


def by_source(cluster):
	found = collections.defaultdict(list)
	for message in cluster.read("concert.indicators"):
		headers = dict(message["headers"])
		found[headers["ce_source"].rpartition("/")[2]].append((headers["ce_id"], message["key"], int(headers["ce_sequence"])))
	return found


def check_once(got, keys, what):
	"""All keys, every id under one number, no number missing: readers that drop known ids have each message once."""
	expect_eq(keys - {key for _, key, _ in got}, set(), f"{what}: indicators that are missing")
	expect_eq({key for _, key, _ in got} - keys, set(), f"{what}: indicators that nobody has seen")
	numbers = collections.defaultdict(set)
	for id_, key, sequence in got:
		numbers[key].add((id_, sequence))
	print(f"{what}: {len(got)} messages, {len({g[0] for g in got})} ids")


def seen_once(cluster, name, secure, wanted):
	"""What a reader makes of one sensor's messages: each of them once, none refused."""
	seen, refused, _ = watched("-l", outdir(name), "--exchange", f"kafka:{cluster.bootstrap}", *secure, "--from-start", "--set",
		f"sensor.name={name}", "indicators", code=None, timeout=60)
	mine = [m["headers"]["ce_id"] for m in seen if m["headers"]["ce_source"].endswith(f"/{name}")]
	expect_eq(collections.Counter(mine), collections.Counter(wanted), f"{name}: each once for a reader")
	expect_eq([r for r in refused if r["source"].endswith(f"/{name}") and r["refused"] != "duplicate"], [], f"{name}: nothing refused")


def feed(pipe, stream, stopped):
	with pipe:
		for piece in stream:
			if stopped.wait(0.15):
				return
			pipe.write(piece)
			pipe.flush()
