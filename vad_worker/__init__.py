"""The VAD stage: finds where the utterances of a leg start, pause and end."""
