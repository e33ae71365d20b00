"""Plain HTTP on the gateway's ports: pages, calls as resources, files."""
