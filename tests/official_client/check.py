"""Lets the unmodified official client use the fake Kaggle, and checks what both say of it.

Called by check.sh: check.py FAKE_BINARY KAGGLE_BINARY WORK_FOLDER

The client is pointed at the fake by KAGGLE_API_ENVIRONMENT=LOCALHOST, which makes it call
http://localhost, and by http_proxy, which takes that to the fake's port.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request
import zipfile

FAKE, KAGGLE = sys.argv[1], sys.argv[2]
WORK = pathlib.Path(sys.argv[3])
USER, KEY = "tester", "0123456789abcdef0123456789abcdef"
TOKEN, REFRESH = "KGAT_official_client", "refresh_official_client"
# Milliseconds that a data set needs to become ready, and a kernel in its queue.
PACE = 1500

# The kernel's part: 25 small files in two folders, a larger one, and two lines of log.
WORKER = r"""
set -e
echo "input:"; find "$KAGGLE_INPUT" -type f | sed "s|$KAGGLE_INPUT/||" | sort
mkdir -p masks
for i in $(seq 10 34); do echo "mask $i" > masks/00$i.txt; done
head -c 3000000 /dev/zero > large.bin
find "$KAGGLE_INPUT" -name job.json -exec cp {} copied.json \;
echo "done" >&2
"""


class Failure(Exception):
    """What is wrong, in a sentence."""


def check(condition, message, *details):
    if not condition:
        raise Failure("\n".join([message, *map(str, details)]))


class Fake:
    """The running fake, steered by its control calls."""

    def __init__(self):
        state = WORK / "state"
        command = [FAKE, "--state-folder", state, "--user", USER, "--key", KEY]
        command += ["--token", TOKEN, "--refresh-token", REFRESH, "--worker", WORKER]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        check(line.startswith("listening on http://127.0.0.1:"), "the fake did not start", line)
        self.url = line.removeprefix("listening on ")
        self.direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def control(self, verb, **sent):
        body = json.dumps(sent).encode()
        with self.direct.open(f"{self.url}/control/{verb}", body, timeout=10) as answer:
            return json.load(answer)

    def transcript(self, since=0):
        return self.control("transcript")[since:]


class Client:
    """The official client with a home of its own."""

    def __init__(self, fake, name, **environment):
        self.home = WORK / name
        (self.home / ".kaggle").mkdir(parents=True, exist_ok=True)
        kept = ("PATH", "LANG", "TMPDIR", "SYSTEMROOT")
        self.environment = {key: os.environ[key] for key in kept if key in os.environ}
        self.environment |= {
            "HOME": str(self.home),
            "PYTHONWARNINGS": "ignore",
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "http_proxy": fake.url,
            # Whatever goes elsewhere ends at the fake, too, and fails there.
            "https_proxy": fake.url,
            "no_proxy": "",
        } | environment

    def run(self, *arguments, code=0):
        command = [KAGGLE, *map(str, arguments)]
        done = subprocess.run(
            command, env=self.environment, cwd=self.home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120,
        )
        said = done.stdout + done.stderr
        asked = "kaggle " + " ".join(map(str, arguments))
        check(done.returncode == code, f"{asked}: exit code {done.returncode}", said)
        return said

    def expect(self, text, *arguments, code=0):
        said = self.run(*arguments, code=code)
        asked = "kaggle " + " ".join(map(str, arguments))
        check(text in said, f"{asked}: does not say {text!r}", said)
        return said

    def wait(self, text, *arguments, seconds=30):
        until = time.monotonic() + seconds
        seen = []
        while time.monotonic() < until:
            said = self.run(*arguments).strip().splitlines()[-1]
            if not seen or seen[-1] != said:
                seen.append(said)
            if text in said:
                return seen
            time.sleep(0.2)
        raise Failure(f"kaggle {' '.join(arguments)}: never says {text!r}, but {seen}")


def dataset_folder(name, slug, files):
    folder = WORK / name
    folder.mkdir()
    metadata = {"title": slug, "id": f"{USER}/{slug}", "licenses": [{"name": "other"}]}
    (folder / "dataset-metadata.json").write_text(json.dumps(metadata))
    for file, content in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def kernel_folder(name, slug, dataset):
    folder = WORK / name
    folder.mkdir()
    notebook = {
        "cells": [{"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [],
                   "source": ["import os\n", "print(os.listdir())"]}],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4, "nbformat_minor": 5,
    }
    (folder / "run.ipynb").write_text(json.dumps(notebook))
    metadata = {
        "id": f"{USER}/{slug}", "title": slug, "code_file": "run.ipynb", "language": "python",
        "kernel_type": "notebook", "is_private": True, "enable_gpu": True, "enable_internet": False,
        "dataset_sources": [f"{USER}/{dataset}"],
    }
    (folder / "kernel-metadata.json").write_text(json.dumps(metadata))
    return folder


def step(title):
    print(f"  {title}", flush=True)


def sources_of_credentials(fake):
    step("credentials: legacy key, access token, OAuth, a wrong key")
    basic = Client(fake, "basic")
    path = basic.home / ".kaggle" / "kaggle.json"
    path.write_text(json.dumps({"username": USER, "key": KEY}))
    path.chmod(0o600)
    basic.expect("30.00h", "quota")

    expired = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    oauth = Client(fake, "oauth")
    (oauth.home / ".kaggle" / "credentials.json").write_text(json.dumps({
        "refresh_token": REFRESH, "access_token": "KGAT_old", "username": USER,
        "access_token_expiration": expired.isoformat(), "scopes": ["resources.admin:*"],
    }))
    oauth.expect("30.00h", "quota")

    wrong = Client(fake, "wrong", KAGGLE_USERNAME=USER, KAGGLE_KEY="f" * 32)
    wrong.run("quota", code=1)
    seen = [(entry["operation"], entry["auth"], entry["status"]) for entry in fake.transcript()]
    quota = "GetAcceleratorQuotaStatistics"
    for wanted in [(quota, "basic", 200), (quota, "oauth", 200), (quota, "refused", 401)]:
        check(wanted in seen, f"the fake did not see {wanted}", seen)

    client = Client(fake, "home", KAGGLE_API_TOKEN=TOKEN)
    client.expect("30.00h", "quota")
    last = fake.transcript()[-1]
    check(last["auth"] == "token", "the token was not used", last)
    return client


def datasets(fake, client):
    slug = "official-bundle-one"
    name = f"{USER}/{slug}"
    step("data set: create with an archive, status, files by pages")
    files = {f"photo{number:02}.jpg": bytes([number]) * (1000 + number) for number in range(23)}
    files |= {"job.json": b'{"schema_version": 1}', "empty.txt": b""}
    files |= {"photos/one.txt": b"one " * 500, "photos/sub/two.txt": b"two"}
    folder = dataset_folder("bundle", slug, files)
    client.run("datasets", "status", name, code=1)
    client.expect("private Dataset is being created", "datasets", "create", "-p", folder, "-r", "zip")
    seen = client.wait("ready", "datasets", "status", name)
    check(len(seen) > 1, "the data set was ready at once", seen)
    said = client.expect("Next Page Token", "datasets", "files", name, "--page-size", "20", "--csv")
    token = next(line.split("=")[1].strip() for line in said.splitlines() if "Next Page" in line)
    said += client.run("datasets", "files", name, "--page-size", "20", "--csv", "--page-token", token)
    for file, content in files.items():
        check(f"{file},{len(content)}," in said, f"the listing lacks {file} with its size", said)
    client.expect(name, "datasets", "list", "-m", "--csv")

    step("data set: a name in use, a second version, the old listing until it is ready")
    client.expect("already in use", "datasets", "create", "-p", folder, "-r", "zip")
    (folder / "photo00.jpg").unlink()
    (folder / "added.bin").write_bytes(b"added")
    client.expect("being created", "datasets", "version", "-p", folder, "-m", "second", "-r", "zip")
    said = client.run("datasets", "files", name, "--page-size", "200", "--csv")
    check("photo00.jpg" in said and "added.bin" not in said, "the listing is not the old one", said)
    client.wait("ready", "datasets", "status", name)
    said = client.run("datasets", "files", name, "--page-size", "200", "--csv")
    check("photo00.jpg" not in said and "added.bin,5," in said, "the listing is not the new one", said)
    versions = fake.control("versions", slug=slug)["dataset_versions"]
    check(versions == 2, f"{versions} versions instead of 2")
    return slug


def uploads(fake, client):
    step("upload: 503 in the middle and resumed, an expired session started again")
    content = bytes(range(256)) * 12_000
    folder = dataset_folder("large", "official-large", {"large.bin": content})
    before = len(fake.transcript())
    fake.control("fault", on="Upload", occurrence=1, kind="upload_unavailable")
    client.expect("being created", "datasets", "create", "-p", folder)
    seen = [
        (entry["status"], entry["range"], entry["body_length"])
        for entry in fake.transcript(before) if entry["operation"] == "Upload"
    ]
    half = len(content) // 2
    kept = half // 262144 * 262144
    wanted = [
        (503, None, half),
        (308, f"bytes */{len(content)}", 0),
        (200, f"bytes {kept}-{len(content) - 1}/{len(content)}", len(content) - kept),
    ]
    check(seen == wanted, "the upload was not resumed as expected", seen, wanted)
    stored = fake.control("versions", slug="official-large")["dataset_files"][0]
    check(pathlib.Path(stored["path"]).read_bytes() == content, "the resumed upload is damaged")

    folder = dataset_folder("again", "official-again", {"large.bin": content})
    before = len(fake.transcript())
    fake.control("faults", scripted=[
        {"on": "Upload", "occurrence": 1, "kind": "upload_unavailable"},
        {"on": "Upload", "occurrence": 2, "kind": "upload_expired"},
    ])
    client.expect("being created", "datasets", "create", "-p", folder)
    started = [e for e in fake.transcript(before) if e["operation"] == "StartBlobUpload"]
    check(len(started) == 2, f"{len(started)} upload sessions instead of 2")

    step("calls: 429 is repeated, a lost answer of a create is repeated and refused")
    folder = dataset_folder("busy", "official-busy", {"one.txt": b"one"})
    before = len(fake.transcript())
    fake.control("faults", scripted=[
        {"on": "StartBlobUpload", "kind": {"too_many_requests": {"retry_after_seconds": 1}}},
        {"on": "CreateDataset", "kind": "lost_answer"},
    ])
    client.expect("already in use", "datasets", "create", "-p", folder)
    creates = [e["status"] for e in fake.transcript(before) if e["operation"] == "CreateDataset"]
    check(creates == [None, 200], "the create was not repeated once", creates)
    versions = fake.control("versions", slug="official-busy")["dataset_versions"]
    check(versions == 1, f"{versions} versions instead of 1")


def kernels(fake, client, dataset):
    slug = "official-run-one"
    name = f"{USER}/{slug}"
    step("kernel: push, status of the version, live log")
    folder = kernel_folder("kernel", slug, dataset)
    push = ("kernels", "push", "-p", folder, "--accelerator", "NvidiaTeslaT4", "--timeout", "3600")
    client.expect("Kernel version 1 successfully pushed", *push)
    seen = client.wait("KernelWorkerStatus.COMPLETE", "kernels", "status", f"{name}/1")
    check("QUEUED" in seen[0], "the kernel did not wait in its queue", seen)
    client.run("kernels", "status", f"{USER}/no-such-kernel", code=1)
    client.run("kernels", "status", f"{name}/7", code=1)
    client.expect(name, "kernels", "list", "-m", "--csv")

    step("kernel: outputs by pages, the log beside them")
    out = WORK / "out"
    client.expect("Output file downloaded", "kernels", "output", f"{name}/1", "-p", out)
    got = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    wanted = {f"masks/00{number}.txt" for number in range(10, 35)}
    wanted |= {"large.bin", "copied.json", f"{slug}.log"}
    check(got == wanted, "other files than the kernel wrote", sorted(got ^ wanted))
    check((out / "large.bin").stat().st_size == 3_000_000, "large.bin has another size")
    check((out / "copied.json").read_text() == '{"schema_version": 1}', "the input was another one")
    log = json.loads((out / f"{slug}.log").read_text())
    lines = "".join(event["data"] for event in log)
    check(f"datasets/{USER}/{dataset}/photos/sub/two.txt" in lines, "the mount is another one", lines)
    check("photo00.jpg" not in lines, "the old version was mounted", lines)
    check({event["stream_name"] for event in log} == {"stdout", "stderr"}, "a stream is missing", log)

    step("kernel: the second version, its log followed while it runs, a cut download resumed")
    client.expect("Kernel version 2 successfully pushed", *push)
    client.expect("done", "kernels", "logs", "-f", f"{name}/2")
    client.wait("KernelWorkerStatus.COMPLETE", "kernels", "status", f"{name}/2")
    fake.control("faults", scripted=[{"on": "Download", "occurrence": 2, "kind": "cut_body"}])
    again = WORK / "again-out"
    client.run("kernels", "output", f"{name}/2", "-p", again)
    check((again / "large.bin").read_bytes() == bytes(3_000_000), "the resumed download is damaged")
    ranges = [e["range"] for e in fake.transcript() if e["operation"] == "Download" and e["range"]]
    check(ranges == ["bytes=1048576-"], "the download was not resumed as expected", ranges)

    step("kernel: refused beyond two sessions and beyond the week's quota, exit code 0")
    fake.control("settings", queue_pace={"milliseconds": 600_000, "questions": None})
    client.expect("Kernel version 3 successfully pushed", *push)
    client.expect("Kernel version 4 successfully pushed", *push)
    client.expect("Maximum batch GPU session count of 2 reached", *push)
    fake.control("stop_sessions", slug=slug)
    client.expect("CANCEL_ACKNOWLEDGED", "kernels", "status", f"{name}/4")
    fake.control("use_gpu_quota", milliseconds=108_000_000)
    client.expect("Maximum weekly GPU quota of 30.00 hours reached", *push)
    client.expect("30.00h,0.00h,30.00h", "quota", "--csv")
    versions = fake.control("versions", slug=slug)["kernel_versions"]
    check(versions == 4, f"{versions} versions of the kernel instead of 4")
    return slug


def deletion(fake, client, dataset, kernel):
    step("delete: kernel and data set")
    client.expect("deleted successfully", "kernels", "delete", "-y", f"{USER}/{kernel}")
    client.expect("deleted successfully", "datasets", "delete", "-y", f"{USER}/{dataset}")
    client.run("datasets", "status", f"{USER}/{dataset}", code=1)
    existing = fake.control("counters")["existing"]
    gone = {f"dataset/{USER}/{dataset}", f"kernel/{USER}/{kernel}"}
    check(not gone & set(existing), "not everything was deleted", existing)


def counters(fake):
    counted = fake.control("counters")
    check(counted["public"] == [], "something was public", counted["public"])
    check(counted["leaks"] == [], "a secret came where it does not belong", counted["leaks"])
    unknown = [e["path"] for e in fake.transcript() if not e["operation"]]
    check(not unknown, "the client asked for what the fake does not know", unknown)
    complaints = [
        (e["operation"], e["body"]) for e in fake.transcript() if e["status"] == 400
    ]
    check(not complaints, "the fake took a request of the client for malformed", complaints)
    print(f"  {len(fake.transcript())} requests, {len(counted['faults'])} faults, "
          f"{counted['bytes_up']} bytes up, {counted['bytes_down']} bytes down")


def main():
    begin = time.monotonic()
    fake = Fake()
    try:
        print("official client:", Client(fake, "version").run("--version").strip(), flush=True)
        fake.control("settings", dataset_pace={"milliseconds": PACE, "questions": None},
                     queue_pace={"milliseconds": PACE, "questions": None})
        client = sources_of_credentials(fake)
        dataset = datasets(fake, client)
        uploads(fake, client)
        kernel = kernels(fake, client, dataset)
        deletion(fake, client, dataset, kernel)
        counters(fake)
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    finally:
        fake.process.kill()
        fake.process.wait()
    print(f"the official client agrees ({time.monotonic() - begin:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
