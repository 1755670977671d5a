#!/usr/bin/env python3
"""Objects that tshark exports from captures of others (expected/objects.tsv), held against our files by SHA-256.

  objects.py BUILD CAPTURES

objects-exceptions.tsv lists by capture and kind how many objects are no files for us, and why: most are bytes that tshark
exports and that nobody ever sent as a file.  Fails when more are missing than it says, or fewer than 95 % of the rest are
found.
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
    allowed = {(r["capture"], r["kind"]): int(r["count"]) for r in table(os.path.join(HERE, "objects-exceptions.tsv"))}
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
        excused[key[1]] += min(n, allowed.get(key, 0))
        if key in allowed and n > allowed[key]:
            failed += 1
            print("FAILED: %s %s: %d are missed, the list says %d" % (key + (n, allowed[key])))
    for kind in sorted(count):
        real = count[kind] - excused[kind]
        share = 100 * found[kind] / max(real, 1)
        print("%-10s %4d objects, %4d of them files, %4d found: %5.1f %%" % (kind, count[kind], real, found[kind], share))
        if share < FLOOR:
            failed += 1
            print("FAILED: %s: the floor is %.0f %%" % (kind, FLOOR))
    print("objects: %d of %d found, %d explained" % (sum(found.values()), sum(count.values()), sum(excused.values())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
