#!/usr/bin/env python3
"""The HTTP/2 and QUIC rows of two other tools, one by one, beside what we say (http2-quic.tsv).

  http2-quic.py BUILD CAPTURES [--write]

A line of the table is a stream or a connection of a capture: what tshark says, what Suricata says, what we say.  "same": all that
they say is what we say (we may say more).  "other": it is not, and the last column says why; that column is written by
hand and kept by --write.  Fails when our output is no longer what the table says, a row of theirs is not in it, or one
that differs has no reason.
"""
import collections, concurrent.futures, json, os, re, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "http2-quic.tsv")
NAMES = ["capture", "protocol", "flow", "stream", "tshark", "suricata", "ours", "verdict", "why"]
FIELDS = {"http2": ("method", "authority", "path", "status"), "quic": ("version", "sni", "ja3", "ja4")}
ROOM = 72


def rows(path):
    lines = open(path, encoding="utf-8", errors="surrogateescape").read().split("\n")
    names = lines[0].lstrip("# ").split("\t")
    return [dict(zip(names, line.split("\t"))) for line in lines[1:] if line and not line.startswith("#")]


def version(text):
    """One way of writing a QUIC version."""
    text = {"v2": "6b3343cf"}.get(text, text)
    return "%x" % int(text, 16) if re.fullmatch(r"(0x)?[0-9a-f]+", text or "") else text


def cut(text):
    return text if len(text) <= ROOM else text[:ROOM - 3] + "..."


def flow(a, ap, b, bp):
    return " ".join(sorted(["%s:%s" % (a, ap), "%s:%s" % (b, bp)]))


def theirs(root):
    """(capture, protocol, flow, stream) -> tool -> field -> values"""
    seen = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(list)))
    for protocol in FIELDS:
        for row in rows(os.path.join(root, "expected", protocol + ".tsv")):
            streams = sorted(set(row["stream"].split("|")), key=int) if protocol == "http2" else [""]
            if len(streams) > 1 and streams[0] == "0":
                streams = streams[1:]
            key = (row["pcap"], protocol, flow(row["src"], row["sport"], row["dst"], row["dport"]), ",".join(streams))
            for field in FIELDS[protocol]:
                for value in filter(None, row[field].split("|")):
                    value = version(value) if field == "version" else value
                    if value not in seen[key][row["oracle"]][field]:
                        seen[key][row["oracle"]][field].append(value)
            seen[key][row["oracle"]]["row"] = ["yes"]
    return seen


def ours(root, capture):
    """(protocol, flow, stream) -> field -> values"""
    seen = collections.defaultdict(lambda: collections.defaultdict(list))
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([os.path.join(HERE, "run-capture"), os.path.join(root, capture), out], capture_output=True, timeout=120)
        for line in open(os.path.join(out, "eve.json"), errors="replace"):
            e = json.loads(line)
            where = flow(e.get("src_ip"), e.get("src_port"), e.get("dest_ip"), e.get("dest_port"))
            if e["event_type"] == "http" and "http2" in e["http"]:
                h = e["http"]
                hosts = [x["value"] for x in h.get("request_headers", []) if x["name"] in (":authority", "host")]
                got = {"method": [h.get("http_method")], "authority": hosts or [h.get("hostname")], "path": [h.get("url")],
                       "status": [h.get("status")]}
                key = ("http2", where, str(h["http2"].get("stream_id")))
            elif e["event_type"] == "quic":
                q = e["quic"]
                got = {"version": [version(q.get("version"))], "sni": [q.get("sni")], "ja3": [q.get("ja3", {}).get("hash")],
                       "ja4": [q.get("ja4")]}
                key = ("quic", where, "")
            else:
                continue
            for field, values in got.items():
                for value in values:
                    if value not in (None, "") and str(value) not in seen[key][field]:
                        seen[key][field].append(str(value))
            seen[key]["row"] = ["yes"]
    return seen


def text(said, protocol):
    if said is None or not said.get("row"):
        return "-"
    words = [cut("|".join(said[field])) for field in FIELDS[protocol] if said.get(field)]
    return " ".join(words) or "seen"


def compare(root):
    table, them = [], theirs(root)
    captures = sorted({key[0] for key in them})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        us = dict(zip(captures, pool.map(lambda capture: ours(root, capture), captures)))
    for key in sorted(them):
        capture, protocol, where, streams = key
        mine = collections.defaultdict(list)
        for stream in streams.split(","):
            for field, values in us[capture].get((protocol, where, stream), {}).items():
                mine[field] += [v for v in values if v not in mine[field]]
        same = bool(mine) and all(set(said.get(field, [])) <= set(mine[field])
                                  for said in them[key].values() for field in FIELDS[protocol])
        table.append([capture, protocol, where, streams, text(them[key].get("tshark"), protocol),
                      text(them[key].get("suricata"), protocol), text(mine, protocol), "same" if same else "other", ""])
    return table


def main():
    build, captures = sys.argv[1:3]
    os.environ.setdefault("CONCERT", os.path.join(build, "concert"))
    root = os.path.join(captures, "set")
    kept = rows(TABLE) if os.path.exists(TABLE) else []
    old = {tuple(r[n] for n in NAMES[:4]): r for r in kept}
    now = compare(root)
    for line in now:
        line[8] = old.get(tuple(line[:4]), {}).get("why", "")
    if "--write" in sys.argv[3:]:
        with open(TABLE, "w", encoding="utf-8") as out:
            out.write("# " + "\t".join(NAMES) + "\n")
            out.writelines("\t".join(line) + "\n" for line in now)
    failed = 0
    for line in now:
        row = old.get(tuple(line[:4]))
        if row is None or [row[n] for n in NAMES[:8]] != line[:8]:
            failed += 1
            print("FAILED: not what the table says: " + "\t".join(line[:8]))
        elif line[7] == "other" and not line[8]:
            failed += 1
            print("FAILED: differs without a reason: " + "\t".join(line[:7]))
    for protocol in FIELDS:
        mine = [line for line in now if line[1] == protocol]
        print("%-6s %3d streams and connections looked at, %3d the same, %d explained" % (
            protocol, len(mine), sum(line[7] == "same" for line in mine), sum(line[7] == "other" and line[8] != "" for line in mine)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
