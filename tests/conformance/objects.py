#!/usr/bin/env python3
"""Objects that tshark exports from captures of others (expected/objects.tsv), held against our files by SHA-256.

  objects.py BUILD CAPTURES

objects-exceptions.tsv lists by capture and kind how many objects we do not have, and why.  An "artefact" is nothing that
anybody ever sent as a file: a segment that tshark exports alone, a named pipe, bytes in a tunnel, an empty object; a "gap" is
something that we should have.  Fails when more are missing than it says, or fewer than 95 % of all that are no artefacts are
found, of every kind and over all.
"""
import collections, concurrent.futures, json, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FLOOR = 95.0


def table(path):
    lines = open(path, encoding="utf-8", errors="surrogateescape").read().split("\n")
    names = lines[0].lstrip("# ").split("\t")
    return [dict(zip(names, line.split("\t"))) for line in lines[1:] if line and not line.startswith("#")]


def hashes(root, capture):
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([os.path.join(HERE, "run-capture"), os.path.join(root, capture), out], capture_output=True, timeout=120)
        log = os.path.join(out, "eve.json")
        if not os.path.exists(log):
            return set()
        events = (json.loads(line) for line in open(log, errors="replace"))
        return {e["fileinfo"].get("sha256") for e in events if e.get("event_type") == "fileinfo"}


def main():
    build, captures = sys.argv[1:3]
    os.environ.setdefault("CONCERT", os.path.join(build, "concert"))
    root = os.path.join(captures, "set")
    objects = collections.defaultdict(list)
    for row in table(os.path.join(root, "expected", "objects.tsv")):
        objects[row["pcap"]].append(row)
    exceptions = table(os.path.join(HERE, "objects-exceptions.tsv"))
    allowed = {(r["capture"], r["kind"]): int(r["count"]) for r in exceptions}
    artefact = {(r["capture"], r["kind"]) for r in exceptions if r["class"] == "artefact"}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        seen = dict(zip(objects, pool.map(lambda capture: hashes(root, capture), objects)))
    count, found, missed = collections.Counter(), collections.Counter(), collections.Counter()
    failed = 0
    for capture, rows in objects.items():
        for row in rows:
            count[row["kind"]] += 1
            if row["sha256"] in seen[capture]:
                found[row["kind"]] += 1
            else:
                missed[(capture, row["kind"])] += 1
                if (capture, row["kind"]) not in allowed:
                    print("missed: %s %s %s, %s bytes" % (capture, row["kind"], row["name"], row["size"]))
    excused = collections.Counter()
    for key, n in missed.items():
        if key in artefact:
            excused[key[1]] += min(n, allowed[key])
        if key in allowed and n > allowed[key]:
            failed += 1
            print("FAILED: %s %s: %d are missed, the list says %d" % (key + (n, allowed[key])))
    for key, n in allowed.items():
        if missed[key] < n:
            print("better than the list says: %s %s: %d are missed, not %d" % (key + (missed[key], n)))
    for kind in sorted(count) + ["all"]:
        here = sorted(count) if kind == "all" else [kind]
        all_of, got, no_file = (sum(c[k] for k in here) for c in (count, found, excused))
        share = 100 * got / max(all_of - no_file, 1)
        print("%-10s %4d objects, %4d artefacts, %4d of %4d files found: %5.1f %%" % (kind, all_of, no_file, got, all_of - no_file, share))
        if share < FLOOR:
            failed += 1
            print("FAILED: %s: the floor is %.0f %%" % (kind, FLOOR))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
