#!/usr/bin/env python3
"""Records what nginx's `hash $request_uri consistent` chooses, as the golden values of mod-lb-ketama.

    tests/data/record-ketama.py [/usr/sbin/nginx] > tests/data/ketama-nginx.csv

One nginx is both sides: it balances over clusters whose servers it is itself, each listening at an address of its own on
the loopback network and answering its name. Nothing is assumed of the hash here: the file holds answers only.

Format: `cluster NAME SERVER=WEIGHT ...` lines, then a line `NAME,URI,SERVER` for each request.
"""

import http.client
import pathlib
import random
import subprocess
import sys
import tempfile
import time

PROXY = 17000
CLUSTERS = {
    "even": [(f"127.0.0.{n}:17001", 1) for n in range(1, 6)],
    "weighted": [(f"127.0.1.{n}:{17000 + 11 * n}", n) for n in range(1, 8)],
    "heavy": [(f"127.0.2.{n}:17002", 100) for n in range(1, 10)],
    "ports": [(f"127.0.3.1:{17010 + n}", 1 + n % 3) for n in range(20)],
    "names": [(f"localhost:{17040 + n}", 2) for n in range(3)],
    "two": [("127.0.4.1:17003", 1), ("127.0.4.2:17003", 3)],
}
REQUESTS = 400
TOKENS = [*"abcdefghijklmnopqrstuvwxyz0123456789-_~/?&=;:@!$'()*+", "%41", "%2F", "%C3%A9", "%2c"]


def nginx_conf(root):
    upstreams, servers, locations = [], [], []
    for name, members in CLUSTERS.items():
        lines = "".join(f"server {server} weight={weight} max_fails=0; " for server, weight in members)
        upstreams.append(f"upstream {name} {{ hash $request_uri consistent; {lines}}}")
        locations.append(f"server {{ listen 127.0.0.1:{PROXY}; server_name {name}; "
                         f"location / {{ proxy_pass http://{name}; }} }}")
        servers += [f'server {{ listen {server}; location / {{ return 200 "{server}"; }} }}'
                    for server, _ in members]
    temp = "".join(f"{kind}_temp_path {root}/{kind}; "
                   for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    lines = "\n".join(upstreams + locations + servers)
    return (f"daemon off; pid {root}/pid; error_log {root}/error.log; worker_processes 1;\n"
            f"events {{ worker_connections 256; }}\nhttp {{ access_log off; {temp}\n{lines}\n}}\n")


def uris():
    """Short and long ones, with queries and escapes, always the same."""
    draw = random.Random("ketama")
    for number in range(REQUESTS):
        kind = number % 4
        if kind == 0:
            yield f"/item/{number}"
        elif kind == 1:
            yield "/" + draw.randbytes(20).hex()
        elif kind == 2:
            yield f"/search?q={draw.randrange(10 ** 9)}&page={number}"
        else:
            yield "/" + "".join(draw.choices(TOKENS, k=draw.randrange(100)))


def ask(conn, cluster, uri):
    conn.request("GET", uri, headers={"Host": cluster})
    response = conn.getresponse()
    body = response.read().decode()
    if response.status != 200 or body not in dict(CLUSTERS[cluster]):
        sys.exit(f"{cluster} {uri}: {response.status} {body}")
    return body


def connect(process):
    for _ in range(200):
        conn = http.client.HTTPConnection("127.0.0.1", PROXY)
        try:
            conn.connect()
            return conn
        except OSError:
            if process.poll() is not None:
                sys.exit("nginx ended; see its error above")
            time.sleep(0.05)
    sys.exit("nginx does not listen")


def main():
    nginx = sys.argv[1] if len(sys.argv) > 1 else "/usr/sbin/nginx"
    with tempfile.TemporaryDirectory() as root:
        conf = pathlib.Path(root, "nginx.conf")
        conf.write_text(nginx_conf(root))
        process = subprocess.Popen([nginx, "-p", root, "-c", str(conf)])
        try:
            conn = connect(process)
            for name, members in CLUSTERS.items():
                print("cluster", name, *(f"{server}={weight}" for server, weight in members))
            for name in CLUSTERS:
                for uri in uris():
                    print(f"{name},{uri},{ask(conn, name, uri)}")
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
