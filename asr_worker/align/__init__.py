"""The aligner: says when each word of a recognised text was spoken."""
