"""The volume of weights, and the job that downloads them."""

from pathlib import PurePosixPath
from typing import Any

from deploy.kubernetes.processes import image, labels, metadata, model, model_path
from deploy.kubernetes.values import Models, Values
from deploy.kubernetes.workloads import CONFINED, HOME, pod_basics

NAME = "callscribe-models"


def claim(values: Values, models: Models) -> dict[str, Any]:
    """Return the volume that all workers mount."""
    spec: dict[str, Any] = {
        "accessModes": [models.access_mode],
        "resources": {"requests": {"storage": models.storage}},
    }
    if models.storage_class:
        spec["storageClassName"] = models.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(values, NAME),
        "spec": spec,
    }


def job(values: Values) -> dict[str, Any]:
    """Return the download. Until it is done the workers that need the weights are restarted."""
    containers = [
        {
            "name": PurePosixPath(model(service)).name.lower().replace(".", "-"),
            "image": image(values, service, name),
            "command": [
                "hf",
                "download",
                model(service),
                "--local-dir",
                model_path(model(service)),
            ],
            "resources": {
                "requests": {"cpu": "1", "memory": "1Gi"},
                "limits": {"memory": "4Gi"},
            },
            "securityContext": CONFINED,
            "volumeMounts": [
                {"name": "models", "mountPath": "/models"},
                {"name": "home", "mountPath": HOME},
                {"name": "tmp", "mountPath": "/tmp"},
            ],
        }
        for name, service in values.services().items()
        if model(service)
    ]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(values, NAME),
        "spec": {
            "backoffLimit": 10,
            # A job cannot be changed: the next version is another one.
            "ttlSecondsAfterFinished": 600,
            "template": {
                "metadata": {"labels": labels(NAME)},
                "spec": {
                    "restartPolicy": "OnFailure",
                    **pod_basics(values),
                    "containers": containers,
                    "volumes": [
                        {"name": "models", "persistentVolumeClaim": {"claimName": NAME}},
                        {"name": "home", "emptyDir": {}},
                        {"name": "tmp", "emptyDir": {}},
                    ],
                },
            },
        },
    }
