"""The Python package `etcd3` against a cluster, member by member. Usage: etcd3_client.py PORT…"""

import io
import sys
import threading
import time

import etcd3


def check(what, condition):
    if not condition:
        sys.exit(f"etcd3: {what}")


def keys(client):
    client.delete_prefix("e3/")
    client.put("e3/a", "1")
    check("put, get", client.get("e3/a")[0] == b"1")
    check("prev_kv", client.put("e3/a", "2", prev_kv=True).prev_kv.value == b"1")
    client.put("e3/b", "3")
    values = [value for value, _ in client.get_prefix("e3/", sort_order="descend")]
    check("prefix, sorted", values == [b"3", b"2"])
    check("metadata", client.get("e3/a")[1].version == 2)
    check("put_if_not_exists", not client.put_if_not_exists("e3/a", "x"))
    check("replace", client.replace("e3/a", "2", "4") and client.get("e3/a")[0] == b"4")
    check("delete", client.delete("e3/a") and client.get("e3/a")[0] is None)
    succeeded, results = client.transaction(
        compare=[client.transactions.value("e3/b") == "3", client.transactions.version("e3/b") > 0],
        success=[client.transactions.put("e3/c", "5"), client.transactions.get("e3/b")],
        failure=[client.transactions.delete("e3/b")],
    )
    check("transaction", succeeded and results[1][0][0] == b"3")
    before = client.get("e3/c")[1].mod_revision
    client.put("e3/c", "6")
    client.compact(before)


def leases(client):
    lease = client.lease(20)
    client.put("e3/leased", "x", lease)
    check("ttl", 0 < lease.remaining_ttl <= 20 and lease.granted_ttl == 20)
    check("keys", list(lease.keys) == [b"e3/leased"])
    check("refresh", lease.refresh()[0].TTL == 20)
    lease.revoke()
    check("revoke", client.get("e3/leased")[0] is None)


def watches(client, other):
    events, cancel = client.watch_prefix("e3/w")
    for number in range(50):
        other.put(f"e3/w{number % 3}", str(number))
    other.delete("e3/w0")
    seen = [next(events) for _ in range(51)]
    cancel()
    check("watch values", [event.value for event in seen[:50]] == [str(n).encode() for n in range(50)])
    check("watch deletion", isinstance(seen[50], etcd3.events.DeleteEvent))
    revisions = [event.mod_revision for event in seen]
    check("watch order", revisions == sorted(revisions))
    again, cancel = client.watch_prefix("e3/w", start_revision=revisions[10])
    check("watch from a revision", [next(again).mod_revision for _ in range(41)] == revisions[10:])
    cancel()


def locks(client, other):
    order = []
    with client.lock("e3-lock", ttl=20):
        thread = threading.Thread(target=lambda: wait_for_lock(other, order))
        thread.start()
        time.sleep(0.3)
        order.append("first")
    thread.join(10)
    check("lock", order == ["first", "second"])


def wait_for_lock(client, order):
    with client.lock("e3-lock", ttl=20):
        order.append("second")


def cluster(client):
    check("status", client.status().version.startswith("3.6"))
    check("members", len(list(client.members)) == 3)
    check("alarms", list(client.list_alarms()) == [])
    client.defragment()
    client.hash()
    file = io.BytesIO()
    client.snapshot(file)
    check("snapshot", len(file.getvalue()) % 512 == 32)


def main():
    ports = [int(port) for port in sys.argv[1:]]
    for place, port in enumerate(ports):
        client = etcd3.client(host="127.0.0.1", port=port, timeout=20)
        other = etcd3.client(host="127.0.0.1", port=ports[(place + 1) % len(ports)], timeout=20)
        keys(client)
        leases(client)
        watches(client, other)
        locks(client, other)
        cluster(client)
    print("etcd3: all went well")


main()
