"""Write the figures into the documents."""

from docs.figures.places import DOCUMENTS, drawn

for path in DOCUMENTS:
    path.write_text(drawn(path.read_text(encoding="utf-8")), encoding="utf-8")
