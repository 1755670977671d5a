"""exchange-schema [--all] PLACE...: do messages fit sensor/exchange/schema.json, headers, protected headers and values?

PLACE is a segment of a spool (.seg) or of a file exchange (.ccm), or a folder: all segments below it.  Messages of one shape are
checked once, without --all.  Bytes that are no message, and values that are no JSON, are passed over: that is for those who
damaged them.  Ends with 0: all fit; 1: some don't (the first of each kind is printed).
"""
import argparse
import base64
import collections
import json
import pathlib
import re
import struct
import sys

# jsonschema would compile a grammar of RFC 3987 for "format", two seconds long; nobody asks it for formats here.
sys.modules["rfc3987_syntax"] = None
import jsonschema  # noqa: E402

SCHEMA = pathlib.Path(__file__).resolve().parent.parent.parent / "sensor/exchange/schema.json"
TYPE = re.compile(r"org\.concert\.([a-z]+)\.v1$")


def framed(raw):
	"""Topic, key, headers, value and frame of every whole message of a segment."""
	at = 0
	while (at := raw.find(b"CCM1", at)) >= 0 and at + 12 <= len(raw):
		size = struct.unpack_from("!I", raw, at + 4)[0]
		try:
			yield *parts(raw[at + 12:at + 12 + size]), raw[at:at + 12 + size]
			at += 12 + size
		except (struct.error, UnicodeDecodeError, IndexError):
			at += 4


def parts(body):
	at = 4

	def take(form):
		nonlocal at
		size = struct.unpack_from(form, body, at)[0]
		at += struct.calcsize(form) + size
		if at > len(body):
			raise IndexError
		return body[at - size:at]

	topic, key, headers = take("!H").decode(), take("!H").decode(), {}
	for _ in range(body[1]):
		name = take("!B").decode()
		headers[name] = take("!H").decode()
	return topic, key, headers, take("!I")


def damaged(frame):
	"""Is its CRC-32C another?  Slow here, so asked only where something is wrong."""
	crc = 0xFFFFFFFF
	for byte in frame[4:8] + frame[12:]:
		crc ^= byte
		for _ in range(8):
			crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
	return crc ^ 0xFFFFFFFF != struct.unpack_from("!I", frame, 8)[0]


def segments(places):
	for place in map(pathlib.Path, places):
		yield from sorted(one for one in place.rglob("*") if one.suffix in (".seg", ".ccm")) if place.is_dir() else [place]


def shape(value):
	if isinstance(value, dict):
		return tuple((name, shape(member)) for name, member in sorted(value.items()) if name not in ("criteria",))
	if isinstance(value, list):
		return tuple(sorted({shape(one) for one in value}, key=repr))
	if isinstance(value, str):
		return re.sub("[0-9a-f]+", "0", value[:40]) if len(value) < 40 else "text"
	return type(value).__name__


class Checker:
	def __init__(self):
		schema = json.loads(SCHEMA.read_text())
		jsonschema.Draft202012Validator.check_schema(schema)
		self.checks = {name: jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}) for name in schema["$defs"]
			if name.endswith("_message") or name in ("headers", "protected")}

	def one(self, headers, bundle):
		"""What is wrong, as texts."""
		problems = self.held("headers", headers)
		found = TYPE.match(headers.get("ce_type", ""))
		name = f"{found.group(1)}_message" if found else ""
		problems += self.held(name, bundle) if name in self.checks else [f"no schema for {headers.get('ce_type')}"]
		if ".." in headers.get("jws", ""):
			protected = headers["jws"].split(".")[0]
			try:
				problems += self.held("protected", json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4))))
			except ValueError as e:
				problems.append(f"protected: no JSON: {e}")
		return problems

	def held(self, name, value):
		return [f"{name}: {deepest(error)}" for error in self.checks[name].iter_errors(value)]


def deepest(error):
	while error.context:
		error = max(error.context, key=lambda one: len(one.absolute_path))
	return f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--all", action="store_true")
	parser.add_argument("places", nargs="+")
	args = parser.parse_args()
	checker, seen, count, wrong = Checker(), set(), 0, collections.Counter()
	for path in segments(args.places):
		for topic, key, headers, value, frame in framed(path.read_bytes()):
			try:
				bundle = json.loads(value)
			except ValueError:
				continue
			count += 1
			like = (topic, tuple(sorted(headers)), shape(bundle))
			if like in seen and not args.all:
				continue
			seen.add(like)
			problems = checker.one(headers, bundle)
			for problem in problems if problems and not damaged(frame) else []:
				wrong[re.sub("[0-9a-f]+", "0", problem)] += 1
				if wrong[re.sub("[0-9a-f]+", "0", problem)] == 1:
					print(f"{path}: {key}: {problem}")
	print(f"exchange-schema: {count} messages, {len(seen)} checked, {sum(wrong.values())} problems")
	return 1 if wrong else 0


if __name__ == "__main__":
	sys.exit(main())
