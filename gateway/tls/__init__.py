"""TLS of the gateway's ports: a given certificate, or a self-signed one that it makes and keeps."""

CERTIFICATE = "fullchain.pem"
KEY = "privkey.pem"
"""The names that ACME clients use: a proxy is given a directory of theirs or of ours."""
