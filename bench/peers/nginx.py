#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The contender nginx: one process, `return 200` from memory, connections that are kept, no log.

Becomes nginx with a configuration in a folder of its own below $OUT."""
import os
import socket
import sys

CONFIGURATION = """daemon off;
master_process off;
pid pid;
error_log error.log;
worker_rlimit_nofile %d;
events { worker_connections %d; }
http {
  access_log off;
  default_type text/plain;
  keepalive_requests 1000000000;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
  uwsgi_temp_path t4; scgi_temp_path t5;
  server {
    listen 127.0.0.1:%d backlog=4096;
    location / { return 200 "Hello, World!"; }
  }
}
"""
CONNECTIONS = 12000


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def main():
    if sys.argv[1:] == ["--rows"]:
        print("http")
        return
    if sys.argv[1:] != ["http"]:
        sys.exit("usage: nginx.py --rows | http")
    folder = os.path.join(os.environ["OUT"], "nginx")
    os.makedirs(folder, exist_ok=True)
    port = free_port()
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
        file.write(CONFIGURATION % (CONNECTIONS, CONNECTIONS - 100, port))
    print("port=%d" % port, flush=True)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    os.execvp("nginx", ["nginx", "-p", folder, "-c", "nginx.conf", "-e", "error.log"])


if __name__ == "__main__":
    main()
