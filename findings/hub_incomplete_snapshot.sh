#!/usr/bin/env bash
# snapshot_download, offline or with the Hub out of reach, returns a folder that lacks files, without an error.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
HF_HOME="$dir/home" HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_XET=1 "$dir/venv/bin/python" -W ignore 2> "$dir/errors" - <<'PY' ||
import hashlib
import http.server
import os
import threading

FILES = {"config.json": b"{}", "model-00001-of-00002.safetensors": b"1", "model-00002-of-00002.safetensors": b"2"}


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the Hub as one file needs."""

    def do_HEAD(self):
        body = FILES[self.path.rsplit("/", 1)[-1]]
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def do_GET(self):
        self.wfile.write(self.do_HEAD())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"

import huggingface_hub as hub  # noqa: E402 (reads the environment)

hub.hf_hub_download("lab/model", "config.json")  # somebody looked at one file
offline = sorted(os.listdir(hub.snapshot_download("lab/model", local_files_only=True)))
server.shutdown()
server.server_close()
unreachable = sorted(os.listdir(hub.snapshot_download("lab/model")))
print("huggingface_hub", hub.__version__)
print("expected: an error that names the missing files")
print(f"seen:     offline {offline}, out of reach {unreachable}, of", sorted(FILES))
assert offline == unreachable == ["config.json"]
PY
  { tail -n 5 "$dir/errors" >&2; exit 1; }
