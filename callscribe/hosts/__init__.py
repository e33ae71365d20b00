"""A site of plain hosts, from one inventory: what each of them is given. See docs/hosts.md."""
