"""Bounds on time, which no schema can say, for the calls that schemathesis makes.

Valid waits are made short and valid time-outs long, so that no call hangs and none ends with a 504 that it asked for.
Invalid ones stay as they are.
"""

import re

import schemathesis

DURATION = re.compile(r"[0-9]+(ms|s|m|h)")


def is_duration(text):
    return isinstance(text, str) and DURATION.fullmatch(text) is not None


@schemathesis.hook
def before_call(context, case, kwargs):
    query = case.query
    if not query:
        return
    if "after" in query and is_duration(query.get("wait", "30s")):
        query["wait"] = "20ms"
    if is_duration(query.get("timeout")):
        query["timeout"] = "5s"
