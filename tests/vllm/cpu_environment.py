"""Makes vLLM's CPU build usable in the environment this runs in; `make test-vllm` runs it once.

PyPI's torchvision is built for CUDA: beside a CPU build of PyTorch its operators do not load, and
importing it fails where it registers stand-ins for them. transformers imports it and needs none of
these operators, so registering them is skipped. The other packages here are built for CUDA as
well, fail on import in the same way, and are not needed at all.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

UNUSABLE = ("torchaudio", "torchcodec", "triton")
HOOK = "torchvision_without_operators"

SOURCE = """\
import sys


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            register = torch.library.register_fake

            def register_known(operator, *arguments, **options):
                if str(operator).startswith("torchvision::"):
                    return lambda function: function
                return register(operator, *arguments, **options)

            torch.library.register_fake = register_known


sys.meta_path.insert(0, Finder())
"""


def main() -> None:
    """Remove what cannot be imported and install the hook that lets torchvision be."""
    uninstall = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", *UNUSABLE]
    subprocess.run(uninstall, check=True, stderr=subprocess.DEVNULL)
    packages = Path(sysconfig.get_path("purelib"))
    packages.joinpath(f"{HOOK}.py").write_text(SOURCE)
    packages.joinpath(f"{HOOK}.pth").write_text(f"import {HOOK}\n")
    subprocess.run([sys.executable, "-c", "import torchvision, transformers"], check=True)


if __name__ == "__main__":
    main()
