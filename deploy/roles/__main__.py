"""``python -m deploy.roles``: write what names every worker."""

from deploy.roles.files import files

for path, text in files().items():
    path.write_text(text)
