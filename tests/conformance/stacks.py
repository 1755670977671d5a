#!/usr/bin/env python3
"""Compares decode's layer stacks, inner tuples, tunnel ids and reassembled datagrams with what tshark made of the captures.

usage: stacks.py DUMP_TOOL CAPTURES [-v]

DUMP_TOOL is tests/conformance/tools/dump-packets.c, built; CAPTURES is the folder with set/ (see its README).  Differences
that are explained in stacks-exceptions.tsv beside this file are not counted; an explanation that is not needed is said.
"""
import collections
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# tshark's stacks are cut behind the last of these; what decode has no layer for ends the part that is compared, too.
ENDS = {'ip', 'ipv6', 'tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'arp', 'gre'}
PROTO = {'6': 'tcp', '17': 'udp', '132': 'sctp'}


def rows(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        for line in f:
            if not line.startswith('#'):
                yield line.rstrip('\n').split('\t')


def layers_known():
    import re
    path = os.path.join(HERE, '../../sensor/decode/layers.def')
    with open(path, encoding='utf-8') as f:
        return set(re.findall(r'^LAYER\(\w+, "([^"]+)"\)', f.read(), re.M))


def norm(stack, known):
    out = []
    for name in stack.split(':'):
        if name not in known:
            break
        out.append(name)
    while set(out) & ENDS and out[-1] not in ENDS:
        out.pop()
    return ':'.join(out)


def mapped(addr, stack):
    """An IPv4 address in an IPv6 header: decode keeps both families in one form."""
    names = [n for n in stack.split(':') if n in ('ip', 'ipv6')]
    if '.' not in addr or not names or names[-1] == 'ip':
        return addr
    a, b, c, d = (int(x) for x in addr.split('.'))
    return f'::ffff:{a << 8 | b:x}:{c << 8 | d:x}'


def dump(tool, capture, *options):
    run = subprocess.run([tool, *options, capture], capture_output=True, text=True, errors='replace', timeout=120)
    return [line.split('\t') for line in run.stdout.splitlines()], run.returncode, run.stderr


class Report:
    def __init__(self, verbose):
        self.verbose = verbose
        self.good = collections.Counter()
        self.bad = collections.Counter()
        self.explained = collections.Counter()
        self.used = set()
        self.exceptions = {}
        for row in rows(os.path.join(HERE, 'stacks-exceptions.tsv')):
            if len(row) >= 3:
                self.exceptions[row[0], row[1]] = row[2]

    def differ(self, fact, pcap, what, count=1):
        for key in ((fact, pcap), ('*', pcap)):
            if key in self.exceptions:
                self.used.add(key)
                self.explained[fact] += count
                return
        self.bad[fact] += count
        if self.verbose:
            print(f'{fact}\t{pcap}\t{what}')


def check_stacks(report, pcap, frames, want, known):
    have = collections.Counter(norm(f[2], known) for f in frames)
    should = collections.Counter()
    for stack, count in want:
        should[norm(stack, known)] += count
    for stack in set(have) | set(should):
        same = min(have[stack], should[stack])
        report.good['stack'] += same
        if should[stack] > same:
            report.differ('stack', pcap, f'{stack}: {have[stack]} frames, tshark {should[stack]}', should[stack] - same)
        elif have[stack] > same and report.verbose and not {('stack', pcap), ('*', pcap)} & set(report.exceptions):
            print(f'stack\t{pcap}\t{stack}: {have[stack]} frames, tshark {should[stack]}')


def check_flows(report, pcap, frames, want):
    have = {}
    for f in frames:
        for end in (4, 6):
            f[end] = mapped(f[end], f[2])
        if f[1] != 'ok' or 'T' not in f[11] or f[3] not in PROTO:
            continue
        a, b = (f[4], f[5]), (f[6], f[7])
        key = (PROTO[f[3]],) + tuple(sorted((a, b)))
        flow = have.setdefault(key, {})
        side = flow.setdefault(a + b, [0, 0])
        side[0] += 1
        side[1] += int(f[10])
    for row in want:
        a, b = (row[2], row[3]), (row[4], row[5])
        agreed = row[11].split('+')
        fact = 'flow (agreed)' if 'cid' in agreed else 'flow (tshark alone)'
        flow = have.get((row[1],) + tuple(sorted((a, b))))
        if flow is None:
            report.differ(fact, pcap, f'no flow {row[1:6]}')
            continue
        fwd, rev = flow.get(a + b, [0, 0]), flow.get(b + a, [0, 0])
        if a != b and (fwd[0], rev[0]) != (int(row[7]), int(row[9])):
            report.differ('flow packets (agreed)' if 'pkts' in agreed else 'flow packets (tshark alone)', pcap, f'{row[1:6]}: {fwd[0]}+{rev[0]} packets, tshark {row[7]}+{row[9]}')
        else:
            report.good[fact] += 1


def check_tunnels(report, pcap, frames, want):
    ids, vlans = collections.Counter(), collections.Counter()
    for f in frames:
        ids[int(f[8])] += 1
        for vlan in filter(None, f[9].split(',')):
            vlans[int(vlan)] += 1
    for field, value, count in want:
        try:
            number = int(value, 0)
        except ValueError:
            continue
        table = vlans if field == 'vlan.id' else ids
        if table[number] > 0 or number == 0:
            report.good['tunnel id'] += 1
        else:
            report.differ('tunnel id', pcap, f'{field} {value}: none of {count} packets')


def check_fragments(report, pcap, frames, want):
    by_seq = {f[0]: f for f in frames}
    for seq, family, length, count, overlap in want:
        f = by_seq.get(seq)
        if f is not None and 'R' in f[11] and length in f[12].split(','):
            report.good['datagram'] += 1
        else:
            report.differ('datagram', pcap, f'frame {seq} {family} {length} bytes of {count}: ' +
                          ('not there' if f is None else f'{f[11]} {f[12]} {f[15]}'))


# Policies of decode.defrag_policy, by the name that overlap/expected.tsv has them under.
POLICIES = {'bsd': 'bsd', 'bsd_right': 'bsd-right', 'linux': 'linux', 'solaris': 'solaris', 'windows': 'windows'}


def check_overlap(report, tool, folder):
    """The ambiguous fragments: what each policy makes of them, known by their ports."""
    port = {row[0]: row[2] for row in rows(f'{folder}/cases.tsv') if row[0].startswith('ip-')}
    for policy, name in POLICIES.items():
        should = {row[0]: row[4] for row in rows(f'{folder}/expected.tsv') if row[1] == 'suricata' and row[2] == name}
        frames, _, _ = dump(tool, f'{folder}/ip_overlap.pcap', '--set', f'decode.defrag_policy={policy}')
        have = {f[5]: f[13] for f in frames if 'R' in f[11]}
        have.update({f[7]: f[13] for f in frames if 'R' in f[11]})
        for case, number in port.items():
            if have.get(number) == should[case]:
                report.good['overlap ' + policy] += 1
            else:
                report.differ('overlap ' + policy, case, 'another text' if number in have else 'not put together')


def group(path):
    table = collections.defaultdict(list)
    for row in rows(path):
        table[row[0]].append(row[1:])
    return table


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    tool, captures = sys.argv[1], os.path.join(sys.argv[2], 'set')
    report = Report('-v' in sys.argv)
    if not os.path.isdir(captures):
        print('skipped: no captures')
        return 0
    expected = os.path.join(captures, 'expected')
    known = layers_known()
    stacks, flows = group(f'{expected}/stacks.tsv'), group(f'{expected}/flows.tsv')
    tunnels, fragments = group(f'{expected}/tunnel_ids.tsv'), group(f'{expected}/ipfrag.tsv')
    for pcap in sorted(stacks):
        frames, code, err = dump(tool, os.path.join(captures, pcap))
        if code != 0:
            report.differ('run', pcap, f'exit {code}: {err.strip()[-200:]}')
        check_stacks(report, pcap, frames, [(r[0], int(r[1])) for r in stacks[pcap]], known)
        check_flows(report, pcap, frames, [[pcap] + r for r in flows.get(pcap, [])])
        check_tunnels(report, pcap, frames, tunnels.get(pcap, []))
        check_fragments(report, pcap, frames, fragments.get(pcap, []))
    check_overlap(report, tool, os.path.join(sys.argv[2], 'overlap'))
    for key in sorted(set(report.exceptions) - report.used):
        print('not needed any more: ' + '\t'.join(key))
    for fact in sorted(set(report.good) | set(report.bad) | set(report.explained)):
        good, bad = report.good[fact], report.bad[fact]
        print(f'{fact:24} {good:7} right {bad:6} differ {report.explained[fact]:6} explained')
    return 1 if sum(report.bad.values()) else 0


if __name__ == '__main__':
    sys.exit(main())
