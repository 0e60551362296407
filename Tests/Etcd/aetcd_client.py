"""The Python package `aetcd` against a cluster, member by member. Usage: aetcd_client.py PORT…"""

import asyncio
import sys

import aetcd


def check(what, condition):
    if not condition:
        sys.exit(f"aetcd: {what}")


async def keys(client):
    await client.delete_prefix(b"ae/")
    await client.put(b"ae/a", b"1")
    check("get", (await client.get(b"ae/a")).value == b"1")
    result = await client.put(b"ae/a", b"2", prev_kv=True)
    check("prev_kv", result.prev_kv.value == b"1")
    await client.put(b"ae/b", b"3")
    check("prefix", [kv.value for kv in await client.get_prefix(b"ae/")] == [b"2", b"3"])
    check("replace", await client.replace(b"ae/a", b"2", b"4"))
    check("delete", (await client.delete(b"ae/a", prev_kv=True)).prev_kv.value == b"4")
    succeeded, _ = await client.transaction(
        compare=[client.transactions.value(b"ae/b") == b"3"],
        success=[client.transactions.put(b"ae/c", b"5")],
        failure=[],
    )
    check("transaction", succeeded)


async def leases(client):
    lease = await client.lease(20)
    await client.put(b"ae/leased", b"x", lease=lease)
    check("refresh", (await lease.refresh()).TTL == 20)
    check("ttl", 0 < await lease.remaining_ttl() <= 20)
    await lease.revoke()
    check("revoke", await client.get(b"ae/leased") is None)


async def watches(client, other):
    watch = await client.watch_prefix(b"ae/w")
    for number in range(20):
        await other.put(b"ae/w%d" % (number % 3), b"%d" % number)
    seen = []
    async for event in watch:
        seen.append(event.kv.value)
        if len(seen) == 20:
            break
    check("watch", seen == [b"%d" % number for number in range(20)])
    await watch.cancel()


async def main():
    ports = [int(port) for port in sys.argv[1:]]
    for place, port in enumerate(ports):
        async with aetcd.Client(host="127.0.0.1", port=port, timeout=20) as client:
            async with aetcd.Client(host="127.0.0.1", port=ports[(place + 1) % len(ports)], timeout=20) as other:
                await keys(client)
                await leases(client)
                await watches(client, other)
                check("status", (await client.status()).version.startswith("3.6"))
                members = [member async for member in client.members()]
                check("members", len(members) == 3)
    print("aetcd: all went well")


asyncio.run(main())
