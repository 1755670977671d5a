"""standards.py MESSAGES: a JSON list of {topic, key, headers, value}, value as base64: what others' libraries make of them.

cloudevents reads each (Kafka binding, binary mode) and writes the same headers again; markings are TLP 2.0's by misp-stix's table;
misp-stix makes MISP events of the whole bundles without an error: the value of every indicator that MISP has a type for is an attribute,
marked for detection, of the others the pattern; every address, domain, URL, file, certificate, port of a flow is one, too.  Prints what is wrong, in the end how many of each were looked at."""
import base64
import collections
import json
import logging
import sys
import warnings

import stix2
from cloudevents.v1.kafka import KafkaMessage, from_binary, to_binary
from misp_stix_converter import ExternalSTIX2toMISPParser
from misp_stix_converter.misp_stix_mapping import TLP2MarkingDefinitions

TYPES = {"addr": ("ip-dst", "ip-src"), "domain": ("domain", "hostname"), "url": ("url",), "file-sha256": ("sha256",),
	"cert-sha256": ("x509-fingerprint-sha256",), "ja3": ("stix2-pattern",), "ja3s": ("stix2-pattern",), "ja4": ("stix2-pattern",),
	"user-agent": ("stix2-pattern",), "email": ("email", "email-src", "email-dst"), "hassh": ("stix2-pattern",), "hassh-server": ("stix2-pattern",),
	"ssh-host-key": ("stix2-pattern",)}
looked = collections.Counter()


def as_cloudevent(m, value):
	binary = {name: text.encode() for name, text in m["headers"].items()}
	event = from_binary(KafkaMessage(headers=binary, key=m["key"], value=value), data_unmarshaller=json.loads)
	is_ = {name: event[name] for name in ("specversion", "id", "source", "type", "time", "sequence", "datacontenttype", "partitionkey")}
	want = {name: m["headers"][f"ce_{name}"] for name in ("specversion", "id", "source", "type", "time", "sequence")}
	want |= {"datacontenttype": m["headers"]["content-type"], "partitionkey": m["key"]}
	if is_ != want:
		yield f"cloudevents reads {is_}"
	if event.data != json.loads(value):
		yield "cloudevents reads another value"
	back = {name: text.decode() if isinstance(text, bytes) else text for name, text in to_binary(event, data_marshaller=json.dumps).headers.items()}
	if any(back.get(name) != text for name, text in m["headers"].items() if name.startswith("ce_") or name == "content-type"):
		yield f"cloudevents writes {back}"
	looked["cloudevents"] += 1


def marked(m, bundle):
	for ref in {ref for one in bundle["objects"] for ref in one.get("object_marking_refs", [])}:
		definition = TLP2MarkingDefinitions.by_uuid(ref)
		if definition is None or definition["name"].lower() != f"tlp:{m['headers']['tlp']}":
			yield f"marked {ref}, which is {definition and definition['name']}"
		looked["marking"] += 1


def as_misp(m, bundle):
	kind, _, value = m["key"].partition(":")
	by_pattern = TYPES[kind] == ("stix2-pattern",)
	parser = ExternalSTIX2toMISPParser()
	parser.load_stix_bundle(stix2.parse(json.dumps(bundle)))
	parser.parse_stix_bundle()
	if parser.errors:
		yield f"misp-stix: {dict(parser.errors)}"
	event = json.loads(parser.misp_event.to_json())
	attributes = [(a["type"], a["value"], a.get("to_ids"), {t["name"] for t in a.get("Tag", [])}) for a in event.get("Attribute", []) +
		[a for one in event.get("Object", []) for a in one["Attribute"]]]
	(pattern,) = (one["pattern"] for one in bundle["objects"] if one["type"] == "indicator")
	want = pattern if by_pattern else value
	if not any(a[0] in TYPES[kind] and a[1] == want and a[2] for a in attributes):
		yield f"no MISP attribute {TYPES[kind]} of {want}: {attributes}"
	tags = {name for a in attributes for name in a[3]}
	if tags and not tags <= {f"tlp:{m['headers']['tlp']}"}:
		yield f"MISP tags {tags}"
	values = [a[1] for a in attributes]
	for one in bundle["objects"]:
		lost = {"domain-name": lambda o: [o["value"]], "url": lambda o: [o["value"]], "ipv4-addr": lambda o: [o["value"]],
			"ipv6-addr": lambda o: [o["value"]], "email-addr": lambda o: [o["value"]], "file": lambda o: [o["hashes"]["SHA-256"]],
			"x509-certificate": lambda o: [o["hashes"]["SHA-256"]],
			"network-traffic": lambda o: [str(o[name]) for name in ("src_port", "dst_port", "src_byte_count", "dst_byte_count") if name in o]}
		for value in lost.get(one["type"], lambda _: [])(one):
			if value not in values:
				yield f"no MISP attribute of {one['type']} {value}"
	looked[f"misp {kind}"] += 1


def main():
	warnings.simplefilter("ignore")
	logging.disable(logging.CRITICAL)
	for m in json.load(open(sys.argv[1])):
		value = base64.b64decode(m["value"])
		bundle = json.loads(value)
		problems = list(as_cloudevent(m, value)) + list(marked(m, bundle))
		if m["headers"]["ce_type"] == "org.concert.sighting.v1":
			problems += as_misp(m, bundle)
		for problem in problems[:5]:
			print(f"{m['key']}: {problem}")
	print(json.dumps(looked))


if __name__ == "__main__":
	main()
