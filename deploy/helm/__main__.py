"""``python -m deploy.helm``: write what is made of the chart and of the services' settings."""

from deploy.helm.generate import MADE

for path, make in MADE.items():
    path.write_text(make())
