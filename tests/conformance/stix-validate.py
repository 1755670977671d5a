"""stix-validate [--all] FILE...: do bundles pass stix2-validator and parse with the stix2 library?

FILE is a segment of a spool (.seg) or of a file exchange (.ccm), a folder of them, or JSON: one bundle, or one a line.  Of
segments one message for each kind of indicator, detector, proof and set of objects is looked at; with --all every one.  Beside the
validators: ids of cyber-observables are recomputed by the stix2 library, and references must point to an object of the
bundle.  Ends with 0: all pass; 1: some don't.
"""
import argparse
import collections
import json
import logging
import pathlib
import struct
import sys
import warnings

import stix2
import stix2validator


def messages(raw, name):
	at = 0
	while at < len(raw):
		if raw[at:at + 4] != b"CCM1" or at + 12 > len(raw):
			raise SystemExit(f"stix-validate: {name}: no message at {at}")
		size = struct.unpack_from("!I", raw, at + 4)[0]
		body = raw[at + 12:at + 12 + size]
		yield value_of(body)
		at += 12 + size


def value_of(body):
	count, at = body[1], 4
	for form in ["!H", "!H"] + ["!B", "!H"] * count:
		at += struct.calcsize(form) + struct.unpack_from(form, body, at)[0]
	size = struct.unpack_from("!I", body, at)[0]
	return body[at + 4:at + 4 + size]


def bundles(path):
	path = pathlib.Path(path)
	if path.is_dir():
		for one in sorted(path.rglob("*")):
			if one.suffix in (".seg", ".ccm"):
				yield from bundles(one)
		return
	raw = path.read_bytes()
	if path.suffix in (".seg", ".ccm"):
		for value in messages(raw, path):
			yield json.loads(value)
		return
	try:
		yield json.loads(raw)
	except ValueError:
		for line in raw.splitlines():
			yield json.loads(line)


def kind(bundle):
	objects = collections.Counter(one["type"] for one in bundle["objects"])
	words = []
	for one in bundle["objects"]:
		if one["type"] == "indicator":
			words.append(one["pattern"].split(" = ")[0])
		if one["type"] == "observed-data":
			for extension in one.get("extensions", {}).values():
				words += [extension["detection"]["by"], extension["proof"]["level"]] if "detection" in extension else sorted(extension)
		if one["type"] == "network-traffic":
			words += sorted(one.get("extensions", {})) + ["src" if "src_ref" in one else "dst"]
	return tuple(sorted(objects.items())) + tuple(words)


def references(value):
	if isinstance(value, dict):
		for key, one in value.items():
			if key.endswith("_ref"):
				yield one
			elif key.endswith("_refs"):
				yield from one
			else:
				yield from references(one)
	elif isinstance(value, list):
		for one in value:
			yield from references(one)


def check(bundle):
	"""Problems of one bundle, as text."""
	text = json.dumps(bundle)
	result = stix2validator.validate_string(text, stix2validator.ValidationOptions(version="2.1"))
	problems = [f"validator: {e}" for e in (result.errors or [])] if not result.is_valid else []
	try:
		parsed = stix2.parse(text, allow_custom=False)
	except Exception as e:  # the library has a class for each kind of trouble
		return problems + [f"stix2: {type(e).__name__}: {e}"]
	ids, kinds = {one["id"] for one in bundle["objects"]}, {one["type"] for one in bundle["objects"]}
	if len(ids) != len(bundle["objects"]):
		problems.append("an id occurs twice")
	# An opinion speaks of a case that may be another's: its grouping is that one's to send.
	problems += [f"no object {ref}" for ref in references(bundle["objects"]) if ref not in ids and not (ref.startswith("grouping--") and "opinion" in kinds)]
	for one in parsed.objects:
		if isinstance(one, stix2.v21._Observable):
			plain = json.loads(one.serialize())
			del plain["id"]
			again = stix2.parse(plain, version="2.1")
			if again["id"] != one["id"]:
				problems.append(f"{one['id']} should be {again['id']}")
	return problems


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--all", action="store_true")
	parser.add_argument("files", nargs="+")
	args = parser.parse_args()
	warnings.simplefilter("ignore")
	logging.disable(logging.WARNING)
	seen, count, checked, failed = set(), 0, 0, 0
	for path in args.files:
		for bundle in bundles(path):
			count += 1
			key = kind(bundle)
			if key in seen and not args.all:
				continue
			seen.add(key)
			checked += 1
			problems = check(bundle)
			failed += bool(problems)
			for problem in problems[:5]:
				print(f"{path}: {bundle['id']}: {problem}")
	print(f"stix-validate: {count} bundles of {len(seen)} kinds, {checked} checked, {failed} failed")
	return 1 if failed or count == 0 else 0


if __name__ == "__main__":
	sys.exit(main())
