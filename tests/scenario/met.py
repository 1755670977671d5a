"""Families of make-world that others' worlds taught: what many use, who takes turns, whose name it is.  Each takes the world."""
from datetime import timedelta

POLICY, CLOUD = (2024792, "cryptocurrency pool", "policy-violation"), (2027865, "cloud service", "misc-activity")


def affairs(w, count, domain, addrs, port, rule, agent=None):
    """Others' small affairs, judged by nobody: a page and a file of their own, and what many use."""
    r = w.r
    for _ in range(count):
        org, a, d, h, t = r.choice(w.orgs), w.outside(), w.name(), w.hexed("", 64), w.when(0.05, 0.9)
        v, unjudged = w.victim(org), []
        w.see(unjudged, org, t, "file-sha256", h, "content", a, 80, victim=v, file_sha256=h, domain=d, rule=w.sids[0])
        w.see(unjudged, org, t + timedelta(seconds=r.uniform(30, 900)), "domain", domain, "dialogue", r.choice(addrs), port, victim=v, domain=domain, rule=rule,
              prints={"user_agent": agent} if agent else {"ja4": r.choice(w.ja4s)})


def pool(w):
    """Mining: a pool that others' miners call, too, seen by a rule that only observes; a loader, or pastes at a service that all use."""
    r, o, orgs = w.r, [], w.some(3)
    name, addrs, loader, h, agent = w.name(), [w.outside() for _ in range(3)], w.outside(), w.hexed("", 64), f"miner/6.{r.randint(0, 30)}"
    known, paste = r.random() < 0.6, w.name()
    affairs(w, r.randint(8, 14), name, addrs, 3333, POLICY, agent)
    affairs(w, r.randint(6, 10), paste, w.cdn, 443, CLOUD)
    for k in range(r.randint(6, 12)):
        org, t = orgs[k % len(orgs)], w.when(0.1, 0.7)
        v = w.victim(org)
        if known:
            w.see(o, org, t, "url", f"http://{loader}/ldr.sh", "dialogue", loader, 80, victim=v, url=f"http://{loader}/ldr.sh", file_sha256=h,
                  rule=(2030000, "miner's loader", "trojan-activity"), prints={"user_agent": "curl/7.88.1"})
        else:
            w.see(o, org, t, "file-sha256", h, "content", r.choice(w.cdn), 443, victim=v, domain=paste, file_sha256=h, rule=CLOUD, prints={"user_agent": "curl/7.88.1"})
        for n in range(r.randint(1, 3)):  # a miner calls its pool as soon as it runs
            t += timedelta(seconds=r.uniform(60, 40000 if n else 900))
            w.see(o, org, t, "domain", name, "dialogue", r.choice(addrs), 3333, victim=v, domain=name, rule=POLICY, prints={"user_agent": agent}, count=r.randint(20, 200))
    w.campaign("c1", o, known, [{"kind": "addr", "value": loader}] if known else [], "the loader is its own, the pool is everybody's" if known else "pastes and a pool that many use")


def proxies(w):
    """A first tier of hacked servers that take turns: passed through to one key behind, or each with its own."""
    r, o, tool, orgs = w.r, [], w.tool(), w.some(3)
    tool["ja4"], known, cert = w.hexed("t12d", 30), r.random() < 0.5, w.hexed("", 64)
    tier = [(w.outside(), cert if known else w.hexed("", 64)) for _ in range(r.randint(5, 9))]
    files, ja3s, period = [w.hexed("", 64) for _ in range(3)], w.hexed("", 32), r.choice([300, 600, 900])
    for k in range(r.randint(8, 14)):
        org, t, h, d = orgs[k % len(orgs)], w.when(0.1, 0.6), r.choice(files), w.name()
        v = w.victim(org)
        w.see(o, org, t, "file-sha256", h, "content", w.outside(), 80, victim=v, domain=d, file_sha256=h, rule=tool["rules"][1], prints={"user_agent": tool["agent"]})
        for _ in range(r.randint(2, 4)):
            t += timedelta(seconds=r.uniform(300, 20000))
            a, key = r.choice(tier)
            w.see(o, org, t, "addr", a, "keyed", a, 8080, victim=v, prints={"ja4": tool["ja4"], "ja3s": ja3s, "certificate_sha256": key}, rule=tool["rules"][0],
                  count=r.randint(10, 60), behaviour={"period_s": round(period * r.uniform(0.99, 1.01), 2), "jitter": 0.1})
    w.campaign("c1", o, known, [{"kind": "cert-sha256", "value": cert}] if known else [], "one key behind all proxies" if known else "proxies that take turns, each with its own key")


def hacked(w):
    """A newspaper's site in a partner's network leads its visitors to an exploit and its control, or gives them all itself."""
    r, o, tool, home = w.r, [], w.tool(), w.r.choice(w.orgs)
    tool["ja4"], known, paper, site = w.hexed("t12d", 30), r.random() < 0.5, "www." + w.name(), w.inside(home)
    d, control, cert, h = w.name(), w.outside(), w.hexed("", 64), w.hexed("", 64)
    orgs = [x for x in w.orgs if x is not home][:r.randint(3, 5)]
    for k in range(r.randint(6, 12)):
        org, t = orgs[k % len(orgs)], w.when(0.1, 0.7)
        v = w.victim(org)
        w.see(o, org, t, "url", f"http://{paper}/js/menu.js", "dialogue", site, 80, victim=v, domain=paper, url=f"http://{paper}/js/menu.js", file_sha256=None if known else h,
              rule=(2040001, "injected script", "trojan-activity"))
        if known:
            w.see(o, org, t + timedelta(seconds=3), "file-sha256", h, "content", control, 80, victim=v, domain=d, file_sha256=h, rule=(2040002, "exploit", "trojan-activity"))
            for n in range(r.randint(1, 3)):
                w.see(o, org, t + timedelta(hours=n + 1), "addr", control, "keyed", control, 443, victim=v, domain=d, rule=tool["rules"][0],
                      prints={"ja4": tool["ja4"], "certificate_sha256": cert})
    w.campaign("c1", o, known, [{"kind": "domain", "value": d}, {"kind": "addr", "value": control}, {"kind": "cert-sha256", "value": cert}] if known else [],
               "the site is a victim, what it leads to is not" if known else "a hacked host of a partner; nothing behind it was seen")


def tenants(w):
    """A name at a platform where everybody has one, with neighbours; or a new name there for each victim."""
    r, o, tool, orgs = w.r, [], w.tool(), w.some(3)
    tool["ja4"], known, h = w.hexed("t12d", 30), r.random() < 0.6, w.hexed("", 64)
    base = r.choice(["workers.dev", "duckdns.org", "pages.dev", "azurewebsites.net", "ngrok.io"])

    def tenant():
        return f"{w.name().split('.')[0]}.{base}"
    mine = tenant()
    for _ in range(20):
        d = tenant()
        w.see(w.noise, r.choice(w.orgs), w.when(), "domain", d, "keyed", r.choice(w.cdn), 443, domain=d, rule=CLOUD, prints={"ja4": r.choice(w.ja4s)})
    for k in range(r.randint(6, 10)):
        org, t, d = orgs[k % len(orgs)], w.when(0.1, 0.7), mine if known else tenant()
        v = w.victim(org)
        w.see(o, org, t, "file-sha256", h, "content", victim=v, file_sha256=h, rule=tool["rules"][1])
        for _ in range(r.randint(1, 4)):
            t += timedelta(seconds=r.uniform(60, 20000))
            w.see(o, org, t, "domain", d, "dialogue", r.choice(w.cdn), 443, victim=v, domain=d, rule=tool["rules"][0], prints={"ja4": tool["ja4"]}, count=r.randint(3, 40))
    w.campaign("c1", o, known, [{"kind": "domain", "value": mine}] if known else [], "its own name at the platform" if known else "a new name for each victim, at a platform of all")


def tunnel(w):
    """Data in names by the hosts' own resolvers, whose addresses say nothing; or a flood of random names under a victim's, by open resolvers."""
    r, o, orgs, d = w.r, [], w.some(3), w.name()
    known = r.random() < 0.6
    for k in range(r.randint(10, 20)):
        org, t = orgs[k % len(orgs)], w.when(0.1, 0.9)
        if known:
            w.see(o, org, t, "domain", f"t.{d}", "dialogue", victim=w.victim(org), domain=f"t.{d}", rule=(2034567, "long labels", "trojan-activity"), count=r.randint(50, 4000))
        else:
            a, n = w.outside(), f"{w.name().split('.')[0]}.{d}"
            w.see(o, org, t, "domain", n, "spoofable", a, 53, "client", w.victim(org), domain=n, rule=(2034568, "random names", "attempted-dos"), count=r.randint(5, 300))
    w.campaign("c1", o, known, [{"kind": "domain", "value": f"t.{d}"}, {"kind": "domain", "value": d}] if known else [],
               "the tunnel's name" if known else "the name is the victim's, the resolvers are open ones")


def scanners(w):
    """Two who try the same organisations' hosts at the same time, by the same rule, each from an address of its own."""
    for k in range(2):
        o, a = [], w.outside()
        for org in w.orgs:
            for _ in range(w.r.randint(1, 4)):
                w.see(o, org, w.when(), "addr", a, w.r.choice(["handshake", "dialogue", "dialogue"]), a, 22, "client", w.victim(org),
                      {"tcp_stack": "4:64:0:1460:29200,7:mss,sok,ts,nop,ws:df,id+:0"}, (2001219, "tries passwords", "attempted-recon"), count=w.r.randint(10, 800))
        w.campaign(f"c{k + 1}", o, True, [{"kind": "addr", "value": a}], "one address that tries everybody")


FAMILIES = {"pool": pool, "proxies": proxies, "hacked": hacked, "tenants": tenants, "tunnel": tunnel, "scanners": scanners}
