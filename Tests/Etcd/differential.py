"""The same random requests to etcd and to Conclave, through the gateway; every answer compared field by field.

Usage: differential.py ETCD_PORT CONCLAVE_PORT[,PORT…] [--requests N] [--seed N]

Both must be empty, so that revisions are the same on both sides. Lease ids are chosen here. What may differ is named in
`cleaned` and `is_excused`; Docs/ETCD.md argues each of them.
"""

import argparse
import base64
import json
import random
import socket
import sys
import time

KEYS = ["a", "aa", "ab", "b", "ba", "c", "d", "e/1", "e/2", "f", "g", "\xff"]
TARGETS = ["VERSION", "CREATE", "MOD", "VALUE", "LEASE"]
FIELDS = {"VERSION": "version", "CREATE": "create_revision", "MOD": "mod_revision", "VALUE": "value", "LEASE": "lease"}


def b64(text):
    return base64.b64encode(text.encode("latin-1")).decode()


def writes(request):
    """What a transaction may write at most: the keys put, the ranges deleted, and whether any course writes a key twice."""
    found = [branch_writes(request[name]) for name in ("success", "failure")]
    return [key for puts, _, _ in found for key in puts], [d for _, ds, _ in found for d in ds], any(t for _, _, t in found)


def branch_writes(operations):
    puts, deletes, twice = [], [], False
    for operation in operations:
        if "request_put" in operation:
            new = [base64.b64decode(operation["request_put"]["key"])], [], False
        elif "request_delete_range" in operation:
            request = operation["request_delete_range"]
            new = [], [(base64.b64decode(request["key"]), base64.b64decode(request.get("range_end", "")))], False
        elif "request_txn" in operation:
            new = writes(operation["request_txn"])
        else:
            continue
        twice = twice or new[2] or any(key in puts for key in new[0])
        twice = twice or any(contains(d, key) for d in new[1] for key in puts)
        twice = twice or any(contains(d, key) for d in deletes for key in new[0])
        puts, deletes = puts + new[0], deletes + new[1]
    return puts, deletes, twice


def contains(selection, key):
    start, end = selection
    return key == start if not end else start <= key and (end == b"\0" or key < end)


def is_plainly_twice(operations):
    """Whether one level puts a key twice, which etcd finds as well."""
    keys = [operation["request_put"]["key"] for operation in operations if "request_put" in operation]
    return len(set(keys)) < len(keys)


class Connection:
    """One kept connection of HTTP/1.1."""

    def __init__(self, port):
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def send(self, path, data):
        self.socket.sendall(self.encoded(path, data))

    def send_all(self, requests):
        self.socket.sendall(b"".join(self.encoded(path, json.dumps(body).encode()) for path, body in requests))

    def encoded(self, path, data):
        return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data

    def more(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError(f"port {self.port} hung up")
        self.rest += piece

    def until(self, end):
        while end not in self.rest:
            self.more()
        piece, self.rest = self.rest.split(end, 1)
        return piece

    def exactly(self, count):
        while len(self.rest) < count:
            self.more()
        piece, self.rest = self.rest[:count], self.rest[count:]
        return piece

    def receive(self):
        head = self.until(b"\r\n\r\n").decode().lower()
        status = int(head.split()[1])
        if "transfer-encoding: chunked" in head:
            body = b""
            while True:
                size = int(self.until(b"\r\n"), 16)
                if size == 0:
                    while self.until(b"\r\n"):
                        pass
                    break
                body += self.exactly(size)
                self.exactly(2)
        else:
            length = [line for line in head.split("\r\n") if line.startswith("content-length:")][0]
            body = self.exactly(int(length.split(":")[1]))
        return status, [json.loads(line) for line in body.splitlines() if line.strip()]


class WatchStream:
    """A watch over the gateway, read as it comes."""

    def __init__(self, port, creates):
        self.connection = Connection(port)
        body = "".join(json.dumps({"create_request": create}) for create in creates).encode()
        self.connection.send("/v3/watch", body)
        self.connection.socket.settimeout(0.02)
        self.text = b""
        self.started = False

    def poll(self):
        try:
            while True:
                self.connection.more()
        except TimeoutError:
            pass

    def told(self):
        """What each watch was told: how it was created and ended, and its events in order."""
        self.poll()
        lines = b"".join(self.chunks()).split(b"\n")
        watches = {}
        for line in lines:
            try:
                result = json.loads(line)["result"]
            except ValueError:
                continue
            known = watches.setdefault(result.get("watch_id", "0"), {"events": [], "notes": []})
            known["events"] += result.get("events", [])
            note = {key: result[key] for key in ("created", "canceled", "compact_revision") if key in result}
            if note:
                known["notes"].append(note)
        return watches

    def chunks(self):
        head, _, rest = self.connection.rest.partition(b"\r\n\r\n")
        while b"\r\n" in rest:
            size, _, rest = rest.partition(b"\r\n")
            count = int(size or b"0", 16)
            if count == 0 or len(rest) < count + 2:
                return
            yield rest[:count]
            rest = rest[count + 2 :]

    def close(self):
        self.connection.socket.close()


class Draw:
    """Draws requests that meet each other: few keys, few leases, conditions that hold about half the time."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.revision = 1

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def pick(self, choices):
        return self.random.choice(choices)

    def key(self):
        return b64("" if self.chance(0.5) else self.pick(KEYS))

    def keys(self):
        """A key, or a key and the end of a range."""
        selection = {"key": self.key()}
        if self.chance(50):
            selection["range_end"] = self.pick([b64("\0"), b64(self.pick(KEYS)), b64(self.pick(KEYS) + "z")])
        if self.chance(5):
            selection = {"key": b64("\0"), "range_end": b64("\0")}
        return selection

    def near(self):
        return max(-1, self.revision + self.random.randint(-40, 2))

    def lease(self):
        return self.random.randint(1, 14)

    def put(self):
        request = {"key": self.key(), "value": b64(self.pick(["", "x", "y", "long value", "\0\xff"]))}
        if self.chance(25):
            request["lease"] = str(self.lease())
        if self.chance(25):
            request["prev_kv"] = True
        if self.chance(8):
            request["ignore_value"] = True
            if self.chance(80):
                request["value"] = ""
            # Which of two mistakes is told differs when all three are there.
            request.pop("prev_kv", None)
        if self.chance(8):
            request["ignore_lease"] = True
            if self.chance(80):
                request.pop("lease", None)
        return request

    def range(self, inside=False):
        request = self.keys()
        if self.chance(30):
            request["limit"] = self.random.randint(0, 5)
        if self.chance(25):
            request["revision"] = str(max(0, self.near()) if inside else self.near())
        if self.chance(30):
            request["sort_order"] = self.pick(["NONE", "ASCEND", "DESCEND", 1, 2])
            request["sort_target"] = "KEY" if inside else self.pick(["KEY", "VERSION", "CREATE", "MOD", "VALUE"])
        for name in ("keys_only", "count_only"):
            if self.chance(8):
                request[name] = True
        if not inside and self.chance(15):
            request["serializable"] = False
        for name in ("min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision"):
            if self.chance(6):
                request[name] = str(max(0, self.near() - self.random.randint(0, 100)))
        return request

    def delete(self):
        request = self.keys() if self.chance(40) else {"key": self.key()}
        if self.chance(30):
            request["prev_kv"] = True
        return request

    def compare(self):
        target = self.pick(TARGETS)
        request = {"key": self.key(), "target": target, "result": self.pick(["EQUAL", "GREATER", "LESS", "NOT_EQUAL"])}
        if self.chance(20):
            request.update(self.keys())
        value = {
            "VERSION": str(self.random.randint(-1, 4)),
            "CREATE": self.pick(["0", str(self.near())]),
            "MOD": self.pick(["0", str(self.near())]),
            "VALUE": b64(self.pick(["", "x", "y"])),
            "LEASE": str(self.random.randint(0, 14)),
        }
        if self.chance(95):
            given = target if self.chance(95) else self.pick(TARGETS)
            request[FIELDS[given]] = value[given]
        return request

    def operations(self, depth):
        operations = []
        written = set()
        for _ in range(self.random.randint(0, 4 if depth == 0 else 2)):
            kind = self.random.random()
            if kind < 0.35:
                operations.append({"request_range": self.range(inside=True)})
            elif kind < 0.75:
                put = self.put()
                # Most transactions are to be taken.
                if put["key"] in written and self.chance(90):
                    continue
                written.add(put["key"])
                operations.append({"request_put": put})
            elif kind < 0.87:
                operations.append({"request_delete_range": self.delete()})
            elif kind < 0.98 and depth < 2:
                operations.append({"request_txn": self.transaction(depth + 1)})
            elif depth == 0 and self.chance(10):
                operations.append({})
        return operations

    def transaction(self, depth=0):
        return {
            "compare": [self.compare() for _ in range(self.random.randint(0, 2))],
            "success": self.operations(depth),
            "failure": self.operations(depth),
        }

    def acceptable_transaction(self):
        """etcd overlooks some keys that are written twice; Conclave refuses all of them."""
        while True:
            transaction = self.transaction()
            if not writes(transaction)[2]:
                return transaction
            if is_plainly_twice(transaction["success"]) or is_plainly_twice(transaction["failure"]):
                return transaction

    def request(self):
        kind = self.random.random()
        if kind < 0.30:
            return "/v3/kv/put", self.put()
        if kind < 0.55:
            return "/v3/kv/range", self.range()
        if kind < 0.62:
            return "/v3/kv/deleterange", self.delete()
        if kind < 0.85:
            return "/v3/kv/txn", self.acceptable_transaction()
        if kind < 0.865:
            return "/v3/kv/compaction", {"revision": str(max(2, self.near())), "physical": self.chance(50)}
        if kind < 0.89:
            ttl = self.pick([600, 700, 800, 800, 9_000_000_001])
            return "/v3/lease/grant", {"ID": str(self.lease()), "TTL": str(ttl)}
        if kind < 0.905:
            return self.pick(["/v3/lease/revoke", "/v3/kv/lease/revoke"]), {"ID": str(self.lease())}
        if kind < 0.93:
            return "/v3/lease/timetolive", {"ID": str(self.lease()), "keys": self.chance(60)}
        if kind < 0.94:
            return "/v3/lease/leases", {}
        if kind < 0.96:
            return "/v3/lease/keepalive", {"ID": str(self.lease())}
        if kind < 0.965:
            return "/v3/auth/authenticate", {"name": "x", "password": "y"}
        if kind < 0.97:
            return "/v3/kv/range", {"rangeEnd": "AA==", "key": self.key(), "keysOnly": True, "nobodyKnows": [1, {}]}
        return "/v3/kv/txn", {"compare": [], "success": [], "failure": []}

    def watch(self, oldest):
        create = self.keys()
        start = self.random.randint(max(1, oldest - 3), self.revision)
        # Of the revision that history begins with, etcd has forgotten the deletions and what was there before.
        create["start_revision"] = str(start + 1 if start == oldest else start)
        if self.chance(50):
            create["prev_kv"] = True
        if self.chance(20):
            create["filters"] = [self.pick(["NOPUT", "NODELETE"])]
        if self.chance(20):
            create["fragment"] = True
        return create


def cleaned(value):
    """Without what names the server, and without what etcd's newer releases say besides."""
    if isinstance(value, dict):
        return {
            key: cleaned(part) for key, part in value.items() if key not in ("cluster_id", "member_id", "raft_term")
        }
    return [cleaned(part) for part in value] if isinstance(value, list) else value


def error_of(lines):
    first = lines[0] if lines else {}
    error = first.get("error")
    if isinstance(error, dict):
        return error.get("grpc_code"), error.get("message")
    return (first.get("code"), first.get("message", error)) if error is not None else None


def is_excused(path, request, theirs, ours):
    """Differences that are argued in Docs/ETCD.md."""
    if path == "/v3/kv/range" and request.get("sort_target", "KEY") != "KEY" and "kvs" in theirs and "kvs" in ours:
        # Records that are equal in what they are sorted by come in any order from etcd.
        field = {"VERSION": "version", "CREATE": "create_revision", "MOD": "mod_revision", "VALUE": "value"}[
            request["sort_target"]
        ]
        values = lambda answer: [record.get(field) for record in answer["kvs"]]
        rest = lambda answer: {key: part for key, part in answer.items() if key != "kvs"}
        if request.get("keys_only") and field == "value":
            return rest(theirs) == rest(ours)
        if values(theirs) == values(ours) and rest(theirs) == rest(ours):
            by_key = lambda answer: sorted(answer["kvs"], key=lambda record: record["key"])
            return theirs.get("more", False) or by_key(theirs) == by_key(ours)
    if path == "/v3/lease/timetolive":
        # etcd cuts what is left to whole seconds, Conclave rounds it up; a request takes its time, too.
        left = [int(answer.pop("TTL", "0")) for answer in (theirs, ours)]
        for answer in (theirs, ours):
            # etcd's come in any order.
            answer.get("keys", []).sort()
        return theirs == ours and abs(left[0] - left[1]) <= 3
    if path == "/v3/lease/leases":
        ids = lambda answer: sorted(int(lease["ID"]) for lease in answer.get("leases", []))
        return ids(theirs) == ids(ours)
    return False


class Differential:
    def __init__(self, etcd, conclave, seed):
        self.etcd_port = etcd
        self.conclave_ports = conclave
        self.etcd = Connection(etcd)
        self.conclave = [Connection(port) for port in conclave]
        self.draw = Draw(seed)
        self.oldest = 1
        self.compared = {}
        self.differences = 0

    def step(self, number, count):
        """A few requests in a row, without waiting for their answers in between."""
        requests = []
        while len(requests) < count and not (requests and requests[-1][0] == "/v3/lease/keepalive"):
            requests.append(self.draw.request())
        place = number % len(self.conclave)
        node = self.conclave[place]
        for side in (self.etcd, node):
            side.send_all(requests)
        for path, request in requests:
            self.compare(path, request, self.etcd.receive(), node.receive())
        if requests[-1][0] == "/v3/lease/keepalive":
            # Conclave ends the connection with a stream.
            self.conclave[place] = Connection(node.port)
        return len(requests)

    def compare(self, path, request, theirs, ours):
        kind = path if error_of(theirs[1]) is None else f"{path} refused"
        self.compared[kind] = self.compared.get(kind, 0) + 1
        if not self.agree(path, request, theirs, ours):
            self.differences += 1
            print(json.dumps({"path": path, "body": request, "etcd": theirs, "conclave": ours}))
        self.note(path, request, theirs[1])

    def agree(self, path, request, theirs, ours):
        their_error, our_error = error_of(theirs[1]), error_of(ours[1])
        if their_error or our_error:
            # The gateway of etcd 3.4 says 412 where newer ones say 400.
            return their_error == our_error and (400 if theirs[0] == 412 else theirs[0]) == ours[0]
        theirs, ours = cleaned(theirs[1][0]), cleaned(ours[1][0])
        return theirs == ours or is_excused(path, request, theirs, ours)

    def note(self, path, request, theirs):
        header = theirs[0].get("header", {}) if theirs else {}
        self.draw.revision = max(self.draw.revision, int(header.get("revision", 0)))
        if path == "/v3/kv/compaction" and error_of(theirs) is None:
            self.oldest = int(request["revision"])

    def watch(self, number):
        """The same watches of the past on both sides, until they have told the same."""
        creates = [self.draw.watch(self.oldest) for _ in range(4)]
        port = self.conclave_ports[number % len(self.conclave_ports)]
        streams = [WatchStream(self.etcd_port, creates), WatchStream(port, creates)]
        deadline = time.monotonic() + 10
        agreed = 0
        while agreed < 2:
            theirs, ours = [cleaned(stream.told()) for stream in streams]
            agreed = agreed + 1 if theirs == ours and theirs else 0
            if time.monotonic() > deadline:
                self.differences += 1
                print(json.dumps({"watches": creates, "etcd": theirs, "conclave": ours}))
                break
        for watch in theirs.values():
            self.compared["events"] = self.compared.get("events", 0) + len(watch["events"])
        self.compared["/v3/watch"] = self.compared.get("/v3/watch", 0) + len(creates)
        for stream in streams:
            stream.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("etcd", type=int)
    parser.add_argument("conclave")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    ports = [int(port) for port in arguments.conclave.split(",")]
    run = Differential(arguments.etcd, ports, arguments.seed)
    print(f"seed {arguments.seed}")
    started = time.monotonic()
    sent = round = 0
    while sent < arguments.requests and run.differences < 10:
        sent += run.step(round, 25)
        round += 1
        if round % 10 == 0:
            run.watch(round)
    seconds = time.monotonic() - started
    for kind, count in sorted(run.compared.items()):
        print(f"{count:8} {kind}")
    print(f"{sum(run.compared.values())} compared in {seconds:.0f} s, {run.differences} differences")
    sys.exit(1 if run.differences else 0)


main()
