"""Where the wheel puts each package: the rest of what is said of it stands in pyproject.toml.

The services and what they share have general names (`common`, `gateway`). Beside other people's
code they would be in the way, so that the wheel has them in `callscribe/_services`, which only the
`callscribe` command looks into: callscribe/services.py.
"""

from setuptools import find_namespace_packages, setup

SERVICES = ("common", "gateway", "vad_worker", "denoise_worker", "asr_worker")
WITHIN = "callscribe._services"

setup(
    packages=[
        *find_namespace_packages(include=["callscribe", "callscribe.*"]),
        *(
            f"{WITHIN}.{each}"
            for top in SERVICES
            for each in find_namespace_packages(include=[top, f"{top}.*"])
        ),
    ],
    package_dir={f"{WITHIN}.{top}": top for top in SERVICES},
)
