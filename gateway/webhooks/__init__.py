"""Webhooks: what is said in a call is sent to a URL, once it is final."""
