"""Families of make-world about who saw what: hosts that do what all do, who repeats, who is silent, who tells how much.  Each takes the world."""
from datetime import datetime, timedelta, timezone


def times(w, count):
    at, span = w.r.uniform(0, 0.5), w.r.uniform(0.05, 0.45)
    return sorted(w.when(at, at + span) for _ in range(count))


def everyday(w):
    """The hosts that are infected fetch updates and mail as all others of their networks do."""
    r, hosts = w.r, {}
    popular = [(w.outside(), w.name()) for _ in range(3)]
    for org in w.orgs:
        hosts[org["id"]] = [w.inside(org) for _ in range(r.randint(12, 25))]
        for host in hosts[org["id"]]:
            for addr, domain in r.sample(popular, r.randint(1, 3)):  # judged by nobody: all may be one case, or none
                w.see([], org, w.when(), "domain", domain, "dialogue", addr, 80, victim=w.victim(org, host), domain=domain, rule=w.sids[0])
    for k in range(r.randint(1, 2)):
        tool, addr, domain, cert, o = w.tool(), w.outside(), w.name(), w.hexed("", 64), []
        for org in r.sample(w.orgs, r.randint(3, min(5, len(w.orgs)))):
            for host in r.sample(hosts[org["id"]], r.randint(2, 4)):
                for t in times(w, r.randint(1, 2)):
                    w.contact(o, org, t, tool, addr, domain, cert, victim=w.victim(org, host))
        w.campaign(f"c{k + 1}", o, True, [{"kind": "addr", "value": addr}, {"kind": "domain", "value": domain}, {"kind": "cert-sha256", "value": cert}],
                   "one server by name and key; its victims do what all hosts do")


def parrots(w):
    """Two partners send on as their own what they read, minutes or hours later; they have no victims."""
    r, o, tool = w.r, [], w.tool()
    while len(w.orgs) < 6:
        w.orgs.append(w.organisation(len(w.orgs)))
    hubs, orgs = w.orgs[-2:], r.sample(w.orgs[:-2], r.choice([1, 1, 3, 4]))
    addr, domain, cert = w.outside(), w.name(), w.hexed("", 64)
    for org in hubs:
        org["clock"] = {"source": "ntp", "error_s": 0.1, "offset_s": 0}
    for org in orgs * 2:
        w.see(o, org, w.when(0.2, 0.6), r.choice(["addr", "domain", "cert-sha256"]), "", "keyed", addr, 443, victim=w.victim(org), domain=domain,
              prints=w.tls(tool, cert), rule=r.choice(tool["rules"]))
        w.obs[-1]["indicator"]["value"] = {"addr": addr, "domain": domain, "cert-sha256": cert}[w.obs[-1]["indicator"]["kind"]]
    read = [x for x in w.obs if x["id"] in o or (x.get("attacker") and r.random() < 0.5)]
    for org, wait in zip(hubs, (r.randint(300, 900), r.randint(7200, 20000))):
        for x in read:
            if x["organisation"] in {h["id"] for h in hubs}:
                continue
            t = datetime.strptime(x["last"].rstrip("Z"), "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=timezone.utc) + timedelta(seconds=wait * r.uniform(0.9, 1.1))
            w.see(o if x["id"] in o else [], org, t, x["indicator"]["kind"], x["indicator"]["value"], x["proof"], x["attacker"]["addr"], x["attacker"]["port"],
                  x["attacker"]["role"], prints=x.get("fingerprints"), count=x["count"], domain=x.get("domain"), url=x.get("url"), file_sha256=x.get("file_sha256"))
            w.obs[-1].update({k: x[k] for k in ("rule",) if k in x})
            w.echoes.append(w.obs[-1]["id"])
    if len(orgs) == 1:
        w.campaign("c1", o, False, [], "one saw it; two say everything after others")
    else:
        w.campaign("c1", o, True, [{"kind": "addr", "value": addr}, {"kind": "domain", "value": domain}, {"kind": "cert-sha256", "value": cert}],
                   "several saw it themselves, beside two who repeat")


def silence(w):
    """Aimed at three of forty: the others looked, and say that they did not see it."""
    r, o, tool = w.r, [], w.tool()
    while len(w.orgs) < r.choice([20, 30, 40]):
        w.orgs.append(w.organisation(len(w.orgs)))
    addr, orgs = w.outside(), r.sample(w.orgs, 3)
    for org in orgs * r.randint(2, 3):
        w.see(o, org, w.when(0.1, 0.4), "addr", addr, "dialogue", addr, 443, victim=w.victim(org), prints=w.tls(tool), rule=r.choice(tool["rules"]))
    for org in w.orgs:
        if org not in orgs:
            w.see(o, org, w.when(0, 0.1), "addr", addr, "spoofable", positive=False, count=1, last=w.until, origin={"kind": "answer", "to": orgs[0]["id"]})
    w.campaign("c1", o, True, [{"kind": "addr", "value": addr}], "three witnesses; that it is not aimed at the others is one fact, not one of each")


def levels(w):
    """Many partners, each with a sensor that tells all, rules only, or addresses only; some hundreds of sights of three addresses of one name."""
    r, o, tool = w.r, [], w.tool()
    while len(w.orgs) < r.choice([10, 15, 20]):
        w.orgs.append(w.organisation(len(w.orgs)))
    addrs, domain, cert = [w.outside() for _ in range(3)], w.name(), w.hexed("", 64)
    for k, org in enumerate(w.orgs):
        level = ["all", "rules", "addresses"][k % 3]
        for t in times(w, r.choice([3, 10, 60])):
            addr, victim = r.choice(addrs), w.victim(org)
            if level == "all":
                w.see(o, org, t, r.choice(["addr", "domain"]), addr, "keyed", addr, 443, victim=victim, domain=domain, prints=w.tls(tool, cert), rule=tool["rules"][0])
                if w.obs[-1]["indicator"]["kind"] == "domain":
                    w.obs[-1]["indicator"]["value"] = domain
            elif level == "rules":
                w.see(o, org, t, "addr", addr, "dialogue", addr, 443, victim=victim, rule=tool["rules"][0])
            else:
                w.see(o, org, t, "addr", addr, "handshake", addr, 443, victim=victim)
    w.campaign("c1", o, True, [{"kind": "addr", "value": a} for a in addrs] + [{"kind": "domain", "value": domain}, {"kind": "cert-sha256", "value": cert}],
               "one name at three addresses; who tells no name does not say that there was none")


FAMILIES = {"everyday": everyday, "parrots": parrots, "silence": silence, "levels": levels}
