"""eve-schema EVE_FILE... [SCHEMA]: does every line of the logs pass the schema of Suricata's EVE log?

SCHEMA is a file called schema.json (or --schema FILE); without it CONCERT_EVE_SCHEMA, or ../shared/eve/schema.json beside the
project.  Extended by eve-schema.patch.json (RFC 7386): members "concert", where we say more than Suricata.  Lines of one shape
are checked once: a schema looks at names and types, and at the text of few members, whose letters and digits count as
shape.  Ends with 0: all pass; 1: some don't (the first of each kind is printed); 77: no schema here, skipped.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import sys

# jsonschema would compile a grammar of RFC 3987 for "format", two seconds long; nobody asks it for formats here.
sys.modules["rfc3987_syntax"] = None
import jsonschema  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def merge(target, patch):
	for key, value in patch.items():
		if isinstance(value, dict) and isinstance(target.get(key), dict):
			merge(target[key], value)
		else:
			target[key] = value


def texts_that_count(schema, names):
	"""Names of members whose text the schema looks at."""
	if isinstance(schema, dict):
		for key, value in schema.get("properties", {}).items() if isinstance(schema.get("properties"), dict) else ():
			if isinstance(value, dict) and ({"pattern", "enum", "const", "format", "oneOf", "anyOf", "$ref"} & set(value)):
				names.add(key)
		for value in schema.values():
			texts_that_count(value, names)
	elif isinstance(schema, list):
		for value in schema:
			texts_that_count(value, names)
	return names


def shape(value, name, names):
	if isinstance(value, dict):
		return tuple((key, shape(value[key], key, names)) for key in sorted(value))
	if isinstance(value, list):
		return ("list",) + tuple(sorted({shape(one, name, names) for one in value}, key=repr))
	if isinstance(value, str):
		return "text:" + re.sub("[0-9]", "0", value) if name in names else "text"
	return type(value).__name__


def find_schema(given):
	for path in (given, os.environ.get("CONCERT_EVE_SCHEMA"), HERE.parent.parent.parent / "shared/eve/schema.json"):
		if path and os.path.exists(path):
			return path
	return None


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--schema")
	parser.add_argument("logs", nargs="+")
	args = parser.parse_args()
	if os.path.basename(args.logs[-1]).endswith("schema.json") and len(args.logs) > 1:
		args.schema = args.logs.pop()
	path = find_schema(args.schema)
	if path is None:
		print("eve-schema: skipped: no schema here")
		return 77
	with open(path, encoding="utf-8") as f:
		schema = json.load(f)
	with open(HERE / "eve-schema.patch.json", encoding="utf-8") as f:
		merge(schema, json.load(f))
	names = texts_that_count(schema, set())
	validator = jsonschema.validators.validator_for(schema)(schema)
	shapes, failures, lines = {}, collections.OrderedDict(), 0
	for log in args.logs:
		with open(log, "rb") as f:
			for number, line in enumerate(f, 1):
				lines += 1
				try:
					event = json.loads(line)
				except ValueError as e:
					failures.setdefault(("no JSON", str(e)), [0, f"{log}:{number}: {line[:200]!r}"])[0] += 1
					continue
				key = shape(event, "", names)
				if key not in shapes:
					shapes[key] = [("/".join(map(str, e.absolute_path)), e.message[:200]) for e in validator.iter_errors(event)]
				for error in shapes[key]:
					failures.setdefault((event.get("event_type"), error[0], error[1]), [0, f"{log}:{number}"])[0] += 1
	for key, (count, where) in list(failures.items())[:40]:
		print(f"{where}: {' '.join(map(str, key))} ({count} times)")
	print(f"eve-schema: {lines} lines of {len(shapes)} shapes, {len(failures)} kinds of failures")
	return 1 if failures else 0


if __name__ == "__main__":
	sys.exit(main())
