"""Conversations: a client and its codec on one side, its call on the other."""
