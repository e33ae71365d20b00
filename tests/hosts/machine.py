"""A host of a test: a Debian of its own that systemd boots, on this machine's kernel.

Its files are this machine's, with what it writes beside them; nothing that is installed here starts
there but sshd. It sees its own processes, and its network is a namespace of `network`.
"""

import os
import shutil
import subprocess
import uuid
from functools import partial
from pathlib import Path

from callscribe.local.child import die_with_parent
from tests.hosts import network
from tests.integration.callscribe.processes import until

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ip": "iproute2",
    "redis-server": "redis-server",
    "haproxy": "haproxy",
    "prometheus": "prometheus",
    "prometheus-redis-exporter": "prometheus-redis-exporter",
    "promtool": "prometheus",
    "curl": "curl",
}
"""What it takes, and which package of Debian has it."""

_CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
"""Of version 2, or of both versions beside each other."""
_BOOT = """
for each in {4}; do
  if [ -e $each/cgroup.procs ]; then mkdir -p $each/{3}; echo $$ >$each/{3}/cgroup.procs; fi
done
mount -t overlay overlay -o lowerdir=/,upperdir={0}/changes,workdir={0}/work {0}/root
cd {0}/root
find etc/systemd/system -type l -delete
ln --symbolic /lib/systemd/system/ssh.service etc/systemd/system/multi-user.target.wants/
echo {1} >etc/machine-id
echo {2} >etc/hostname
exec systemd-nspawn --quiet --register=no --keep-unit --link-journal=no --machine={3} \
    --hostname={2} --network-namespace-path=/run/netns/{3} --directory={0}/root --boot \
    --console=pipe systemd.unit=multi-user.target
"""


class Machine:
    """One host, which root of this test's key may enter."""

    def __init__(self, name: str, address: str, directory: Path, public_key: str) -> None:
        self.name, self.address = name, address
        self._directory = directory
        self._space = network.namespace(name)
        for each in ("changes", "work", "root"):
            (directory / each).mkdir(parents=True)
        home = directory / "changes" / "root"
        home.mkdir(mode=0o700)
        # This machine's root has programs and settings that no new host has.
        os.setxattr(home, "trusted.overlay.opaque", b"y")
        keys = home / ".ssh" / "authorized_keys"
        keys.parent.mkdir(mode=0o700)
        keys.write_text(public_key)
        keys.chmod(0o600)
        self._process: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Start it, and wait until it answers at its ssh port."""
        script = _BOOT.format(
            self._directory, uuid.uuid4().hex, self.name, self._space, " ".join(_CGROUPS)
        )
        # Its mounts and all its processes end with `unshare`, which ends with this test.
        command = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork"]
        command += ["--kill-child", "--mount-proc", "sh", "-euc", script]
        with (self._directory / "console").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_parent(),
            )
        until(self._listens, 60)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "console").read_text()
        command = ["ip", "netns", "exec", self._space, "ss", "-Htln", "sport = :22"]
        return bool(subprocess.run(command, capture_output=True, check=True).stdout)

    def run(self, *words: str) -> str:
        """Run a command in it as its root, though its cable be out; return what it writes."""
        assert self._process is not None
        (nspawn,) = _children(str(self._process.pid))
        (init,) = _children(nspawn)
        command = ["nsenter", "--target", init, "--all", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self.name}: {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def close(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(f"/run/systemd/nspawn/propagate/{self._space}", ignore_errors=True)
        for each in _CGROUPS:
            until(partial(_removed, Path(each, self._space)), 10)


def _children(pid: str) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _removed(cgroup: Path) -> bool:
    """Remove a control group with all below it; return whether it is gone, as its processes are."""
    below = sorted(cgroup.rglob("*/"), reverse=True) if cgroup.exists() else []
    try:
        for each in (*below, cgroup):
            each.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # a process of it still ends
        return False
    return True
