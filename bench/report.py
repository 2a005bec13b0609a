"""The results as a table for people."""


def seconds(x):
    return f"{x:.4f} s" if x < 0.1 else f"{x:.2f} s"


def rate(result):
    if "rate" not in result:
        return ""
    value = result["rate"]
    digits = 0 if value >= 100 else 2 if value >= 1 else 4
    return f"{value:,.{digits}f} {result['unit']}"


def met(case, good):
    """Small data are for trying the harness: they meet or miss nothing."""
    if not case["judged"]:
        return " (not judged)"
    return ": met" if good else ": not met"


def project_lines(case):
    one = case["project"]
    if one["state"] != "measured":
        yield f"    {one['name']}: {one['state']}: {one['reason']}"
        return
    line = f"    {one['name']:24} {seconds(one['median_seconds']):>10}  {rate(one):>18}"
    if "target_seconds" in case:
        target = case["target_seconds"]
        line += f"  target {target:g} s{met(case, one['median_seconds'] <= target)}"
    if "target_rate" in case:
        target = case["target_rate"]
        line += f"  target {target:,} {one['unit']}{met(case, one['rate'] >= target)}"
    yield line.rstrip()
    if "note" in one:
        yield f"        {one['note']}"


def peer_lines(case, one):
    if one["state"] != "measured":
        yield f"    {one['name']:24} not measured: {one['reason']}"
        return
    ratio = one["ratio"]
    line = (f"    {one['name']:24} {seconds(one['median_seconds']):>10}"
            f"  {rate(one):>18}  quern is {ratio['median']:.2f} times as fast"
            f" ({ratio['min']:.2f} .. {ratio['max']:.2f})")
    if "target" in one:
        good = met(case, ratio["median"] >= one["target"])
        line += f", target {one['target']:g}{good}"
    yield line
    if "note" in one:
        yield f"        {one['note']}"
    if "agreement" in one:
        how = {True: "agrees", False: "DIFFERS", None: "?"}[one["agreement"]["agrees"]]
        yield f"        {how}: {one['agreement']['text']}"


def ceiling_lines(case):
    for one in case.get("ceilings", []):
        line = f"    {one['share']:6.1%} of {one['limit']} ({one['value']:.1f})"
        if one["target"]:
            line += f", target {one['target']:.0%}{met(case, one['share'] >= one['target'])}"
        yield line


def memory_lines(case):
    if "memory" not in case:
        return
    m = case["memory"]
    fits = "within" if m["pss"] <= m["budget"] else "OVER"
    yield (f"    peak {m['pss'] / 2**20:.0f} MiB (PSS of all processes; largest RSS"
           f" {m['rss'] / 2**20:.0f} MiB), {fits} {m['budget'] / 2**20:.0f} MiB:"
           f" {m['source']}")


def case_lines(case):
    yield f"  {case['name']}  (load {case['load_before']:.1f} .. {case['load_after']:.1f})"
    yield from project_lines(case)
    for peer in case["peers"]:
        yield from peer_lines(case, peer)
    yield from ceiling_lines(case)
    yield from memory_lines(case)


def head_lines(machine, limits, size, pairs):
    yield (f"{machine['quern']} ({machine['commit']}), {machine['cores']} cores of"
           f" {machine['cpu']}, {machine['memory'] / 2**30:.0f} GiB; {size}, {pairs} pairs")
    pairs_of = [n[:-4] for n in limits if n.endswith("_one")]
    for name in pairs_of:
        unit = "GFLOP/s" if name == "gemm" else "GB/s"
        yield (f"  limit {name:14} {limits[name + '_one']:8.1f} {unit} on one core,"
               f" {limits[name + '_all']:8.1f} on all")
