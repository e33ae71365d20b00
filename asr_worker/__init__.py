"""The ASR stage: takes one utterance at a time and turns its audio into partials and a final."""
