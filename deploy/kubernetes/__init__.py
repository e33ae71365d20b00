"""The manifests of a whole site on Kubernetes, from one file of values.

``python -m deploy.kubernetes deploy/kubernetes/sites/small.toml`` prints them; docs/kubernetes.md
tells what is in them.
"""
