"""The bare chain: what the pipeline would cost with no product around it.

Three processes of the same shape as ours: sockets, streams whose ids are positions, doorbells,
fenced ids, a checkpoint each second, leases. Nothing else: no work items per utterance, no options,
no resumption, no metrics, no limits, and a worker that dies takes its calls with it. The intervals
are those of our settings' defaults. `python -m bench bus --bare` measures it by turns with ours,
under the same callers.
"""
