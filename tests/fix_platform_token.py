"""A program that prints a workload's token, as `kubectl create token` does: URL, audience, secret."""

from __future__ import annotations

import json
import sys
import urllib.parse
import urllib.request

if __name__ == "__main__":
    url, audience, secret = sys.argv[1:]
    asked = urllib.request.Request(
        f"{url}?{urllib.parse.urlencode({'audience': audience})}", headers={"Authorization": f"Bearer {secret}"}
    )
    with urllib.request.urlopen(asked) as answer:
        sys.stdout.write(json.load(answer)["value"] + "\n")
