"""A builder to be killed: runs one script in an environment, in a thread other than the main one, as the engine does.

Arguments: environment, cache, root, root digest, script. Prints the output and ``status N``.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from pythonbuild.environments import sandbox
from pythonbuild.environments.base import Command, Environment, Probe


def main() -> None:
    kind, cache, root, digest, script = sys.argv[1:]
    environment: Environment
    if kind == "docker":
        from pythonbuild.environments.docker import DockerEnvironment

        environment = DockerEnvironment(Path(cache), print)
    else:
        if kind == "chroot":
            sandbox.probe_sandbox = lambda: Probe(ok=True, level="chroot")
        environment = sandbox.SandboxEnvironment(Path(cache))
    command = Command(("bash", "-c", script), {"PATH": "/usr/bin:/bin"}, "/", (), Path(root), digest, "killed")

    def run() -> None:
        status = environment.run(command, on_line=lambda line: print(line, flush=True))
        print("status", status, flush=True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    environment.close()


if __name__ == "__main__":
    main()
