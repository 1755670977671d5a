#!/usr/bin/env python3
"""Holds decode and flow against what other tools say is in captures: streams, flows, packets, overlapping segments.

  streams.py DUMP_STREAMS CAPTURES [--misses N]

DUMP_STREAMS is the program of tools/dump-streams.c; CAPTURES the folder with set/ and overlap/. Four checks:
  streams   every row of tcp_streams.tsv marked `py`: the same two hashes
  flows     every agreed row of flows.tsv: a flow with this community id
  packets   of those on which Suricata agrees: the packets of both sides together
  overlap   each TCP case under each policy: the same text as Suricata with this policy
What is expected to differ stands, with its reason, in streams-exceptions.tsv. Closes with `N passed, N failed`;
fails when a check is under its bar, or a difference is not in the list, or an exception is not needed any more.
"""
import argparse, collections, concurrent.futures, ipaddress, os, re, subprocess, sys

BAR = {"streams": 99.0, "flows": 97.0, "packets": 97.0, "overlap": 90.0}
HERE = os.path.dirname(os.path.abspath(__file__))
LONG = ["flow.timeout_%s=99d" % kind for kind in ("new", "tcp", "closed", "udp", "other")]
POLICY = {"bsd-right": "bsd_right", "old-linux": "old_linux"}


def rows(path):
    lines = open(path, encoding="utf-8", errors="surrogateescape").read().split("\n")
    names = lines[0].lstrip("#").split("\t")
    for line in lines[1:]:
        if line and not line.startswith("#"):
            yield dict(zip(names, line.split("\t")))


def dump(program, capture, settings=(), text=False):
    command = [program] + (["-x"] if text else [])
    for one in list(settings):
        command += ["--set", one]
    out = subprocess.run(command + [capture], capture_output=True, text=True, timeout=300)
    if out.returncode != 0:
        print("%s: exit %d: %s" % (capture, out.returncode, out.stderr[-300:]))
    return [line.split("\t") for line in out.stdout.split("\n") if line]


class Check:
    def __init__(self, name, exceptions):
        self.name, self.exceptions = name, exceptions
        self.good, self.bad, self.excused = 0, [], set()

    def add(self, ok, key, note):
        if ok:
            self.good += 1
            return
        for pattern in self.exceptions:
            if re.fullmatch(pattern, key):
                self.excused.add(pattern)
                self.bad.append((key, note, True))
                return
        self.bad.append((key, note, False))


def plain(address):
    """IPv4-mapped addresses of IPv6 packets are printed as IPv4"""
    ip = ipaddress.ip_address(address)
    return str(ip.ipv4_mapped or ip if ip.version == 6 else ip)


def check_capture(capture, lines, streams, flows, checks):
    by_tuple = collections.defaultdict(list)
    packets = collections.Counter()
    for f in lines:
        packets[f[5]] += int(f[6]) + int(f[8])
        if f[0] == "6":
            by_tuple[(f[1], f[2], f[3], f[4])].append((f[12] if f[11] != "0" else "", f[15] if f[14] != "0" else ""))
            by_tuple[(f[3], f[4], f[1], f[2])].append((f[15] if f[14] != "0" else "", f[12] if f[11] != "0" else ""))
    for r in streams:
        want = (r["sha256_ts"] if r["len_ts"] != "0" else "", r["sha256_tc"] if r["len_tc"] != "0" else "")
        got = by_tuple[(plain(r["client"]), r["cport"], plain(r["server"]), r["sport"])]
        checks["streams"].add(want in got, "%s#%s" % (capture, r["stream"]), "%s:%s %s:%s %s+%s bytes" % (
            r["client"], r["cport"], r["server"], r["sport"], r["len_ts"], r["len_tc"]))
    total, agreed = collections.Counter(), collections.defaultdict(lambda: True)
    for r in flows:
        agree = set(r["agree"].split("+"))
        if {"cid", "cidtshark"} & agree:
            checks["flows"].add(r["community_id"] in packets, "%s#%s" % (capture, r["community_id"]),
                                " ".join(r[k] for k in ("proto", "src", "sport", "dst", "dport")))
        total[r["community_id"]] += int(r["pkts_fwd"]) + int(r["pkts_rev"])
        agreed[r["community_id"]] &= "pkts" in agree
    for cid, n in total.items():
        if agreed[cid]:
            checks["packets"].add(packets[cid] == n, "%s#%s" % (capture, cid), "%d, not %d" % (packets[cid], n))


def check_overlap(program, folder, check):
    port = {r["case"]: r["client_port"] for r in rows(os.path.join(folder, "cases.tsv")) if r["kind"] == "tcp"}
    version = {case: "6" if case.endswith("v6") else "4" for case in port}
    want = collections.defaultdict(dict)
    for r in rows(os.path.join(folder, "expected.tsv")):
        if r["oracle"] == "suricata" and r["case"] in port:
            want[r["policy"]][r["case"]] = (r["sha256"] if r["length"] != "0" else "", r["text"])
    for policy, cases in want.items():
        settings = LONG + ["decode.checksums=yes", "flow.overlap_policy=" + POLICY.get(policy, policy)]
        lines = dump(program, os.path.join(folder, "tcp_overlap.pcap"), settings, text=True)
        seen = collections.defaultdict(list)
        for f in lines:
            a, b = (f[2], 0) if f[4] == "7777" else (f[4], 3)
            seen[(a, "6" if ":" in f[1] else "4")].append((f[12 + b] if f[11 + b] != "0" else "", f[18 + b // 3]))
        for case, (sha256, text) in sorted(cases.items()):
            got = seen[(port[case], version[case])]
            note = "%s, not %s" % (" | ".join(g[1] for g in got), text)
            check.add(any(g[0] == sha256 for g in got), "%s/%s" % (case, policy), note)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("captures")
    parser.add_argument("--misses", type=int, default=40)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    root = os.path.join(args.captures, "set")
    if not os.path.isdir(root):
        print("skipped: no captures at %s" % args.captures)
        return 77
    exceptions = collections.defaultdict(dict)
    for r in rows(os.path.join(HERE, "streams-exceptions.tsv")):
        exceptions[r["check"]][r["key"]] = r["reason"]
    checks = {name: Check(name, exceptions[name]) for name in BAR}
    streams, flows = collections.defaultdict(list), collections.defaultdict(list)
    for r in rows(os.path.join(root, "expected", "tcp_streams.tsv")):
        if r["agree"].split("+")[0] == "py":
            streams[r["pcap"]].append(r)
    for r in rows(os.path.join(root, "expected", "flows.tsv")):
        flows[r["pcap"]].append(r)
    captures = sorted(c for c in set(streams) | set(flows) if args.only in c)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda c: dump(args.program, os.path.join(root, c), LONG), captures)
        for capture, lines in zip(captures, results):
            check_capture(capture, lines, streams[capture], flows[capture], checks)
    check_overlap(args.program, os.path.join(args.captures, "overlap"), checks["overlap"])
    good, failed = 0, 0
    for check in checks.values():
        total = check.good + len(check.bad)
        percent = 100.0 * check.good / max(total, 1)
        new = [b for b in check.bad if not b[2]]
        for key, note, _ in new[:args.misses]:
            print("%s: %s: %s" % (check.name, key, note[:300]))
        unused = set(check.exceptions) - check.excused if not args.only else set()
        for pattern in sorted(unused):
            print("%s: the exception '%s' is not needed" % (check.name, pattern))
        print("%-8s %5d of %5d  %6.2f %%  (bar %.0f %%, %d explained, %d not)" % (
            check.name, check.good, total, percent, BAR[check.name], len(check.bad) - len(new), len(new)))
        good += check.good
        failed += len(new) + len(unused) + (percent < BAR[check.name])
    print("%d passed, %d failed" % (good, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
