"""`callscribe prove`: how many calls this machine carries, and the proof of it.

`objective` and `search` are pure; `trial` puts one load on a stack, `proof` makes the whole proof
of trials, `facts` and `machine` say what it is about, `report` and `plot` tell it, `apply` writes
the figure where the services read it.
"""
