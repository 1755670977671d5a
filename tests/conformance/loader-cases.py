#!/usr/bin/env python3
"""loader-cases.py CONCERT CASES.tsv [PARSE_DIR]: does our loader say `loaded` or `refused` where Suricata 7.0.10 does?  Exceptions,
with their reason, are in loader-exceptions.tsv beside this script.  Closes with `N passed, N failed`."""
import csv
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["HOME_NET", "EXTERNAL_NET", "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS", "AIM_SERVERS",
         "DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_CLIENT", "MODBUS_SERVER", "ENIP_CLIENT", "ENIP_SERVER"]
PORTS = {"HTTP_PORTS": "80", "SHELLCODE_PORTS": "!80", "ORACLE_PORTS": "1521", "SSH_PORTS": "22", "DNP3_PORTS": "20000",
         "MODBUS_PORTS": "502", "FILE_DATA_PORTS": "[80,110,143]", "FTP_PORTS": "21", "GENEVE_PORTS": "6081", "VXLAN_PORTS": "4789",
         "TEREDO_PORTS": "3544"}


WAITS = re.compile(r"is not one that this sensor parses|needs a parser|scripts are not run")


def check(concert, path, home):
    command = [concert, "rules", "check"]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as conf:
        conf.write("vars:\n  address:\n")
        for name in NAMES:
            conf.write('    %s: "%s"\n' % (name, home if name != "EXTERNAL_NET" or home == "any" else "!" + home))
        conf.write("  port:\n")
        for name, value in PORTS.items():
            conf.write('    %s: "%s"\n' % (name, value))
        conf.flush()
        done = subprocess.run(command + ["-c", conf.name, path], capture_output=True, timeout=60)
    return done.stdout.decode("utf-8", "replace")


def main():
    concert, cases = sys.argv[1], sys.argv[2]
    exceptions = {row[0]: row[1] for row in csv.reader(open(os.path.join(HERE, "loader-exceptions.tsv")), delimiter="\t",
                                                      quoting=csv.QUOTE_NONE) if row and not row[0].startswith("#")}
    passed = failed = waiting = 0

    def say(name, should, says, why):
        nonlocal passed, failed, waiting
        if should == says or name in exceptions:
            passed += 1
        elif should == "loaded" and WAITS.search(why):
            waiting += 1
        else:
            failed += 1
            print("%s: should be %s, is %s: %s" % (name, should, says, why))

    for line in open(cases, encoding="latin-1", newline="\n"):
        if line.startswith("#") or not line.strip():
            continue
        verdict, _, rule = line.rstrip("\n").split("\t", 2)
        with tempfile.NamedTemporaryFile("w", suffix=".rules", encoding="latin-1") as rules:
            rules.write(rule + "\n")
            rules.flush()
            out = check(concert, rules.name, "[192.168.0.0/16,10.0.0.0/8]")
        says = "loaded" if re.search(r"^1 loaded", out, re.M) else "refused"
        name = re.search(r'msg:\s*"([^";]*)', rule)
        say(name.group(1) if name else rule[:30], verdict, says, out.strip().split("\n")[0][:200])
    for folder in sorted(glob.glob(os.path.join(sys.argv[3], "*"))) if len(sys.argv) > 3 else []:
        table = os.path.join(folder, "load.tsv")
        if not os.path.exists(table):
            continue
        rules = os.path.join(folder, "test.rules")
        out = check(concert, rules, "any")
        refused = {int(m.group(1)) for m in re.finditer(r"^[^\n]*?\.rules:(\d+):\d+: (?![^\n]*(?:warning: |skipped: ))", out, re.M)}
        for row in csv.reader(open(table), delimiter="\t", quoting=csv.QUOTE_NONE):
            name = "%s:%s" % (os.path.basename(folder), row[1])
            why = [l for l in out.split("\n") if ".rules:%s:" % row[1] in l]
            say(name, "refused" if row[2] == "refused" else "loaded", "refused" if int(row[1]) in refused else "loaded",
                why[0][-160:] if why else (row[3] if len(row) > 3 else ""))
    if waiting:
        print("%d rules wait for a parser or scripts" % waiting)
    print("%d passed, %d failed" % (passed, failed))
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
