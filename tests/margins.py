"""How many words the bundled ASR model may hear otherwise, as its arithmetic differs by processor.

Its products are of int8. Each kind of kernel rounds around them in another way, and those for
processors without VNNI also saturate. Where two words score nearly alike, another one wins.

Measured with CTranslate2 4.8 on ten kinds of kernels: CT2_FORCE_CPU_ISA as GENERIC, AVX, AVX2 and
AVX512; ONEDNN_MAX_CPU_ISA, which is that of the products, as SSE41, AVX, AVX2, AVX512_CORE and one
with VNNI; and pairs of both. A margin is the worst of them and one word more. Tests compare two
runs on the same processor where they can: those differ less than two processors do.
"""

SAME = 1
"""Words, where all kernels gave the same figure."""

READ_ALOUD_WRONG = {False: 9, True: 4}
"""Words wrong of the 114 of the clips that are read aloud, partial (False) and final (True).

Partials in windows of 30 s: 5 with VNNI, 4 to 8 without. Finals: 3 everywhere.
"""

SHORT_WINDOWS = {False: 5, True: SAME}
"""Words of the same clips that short windows may lose against those of 30 s.

Partials: none with VNNI, 0, 2 or 4 without. Finals: none anywhere.
"""

SHORT_UTTERANCE = 3
"""Words wrong of an utterance of five, cut out of a noisy hall: 2 without VNNI, for "my" "am I".

Saying its phrase twice makes five.
"""

CUT_BY_THE_VAD = {12_800: 3, 6_400: 7}
"""Words of 379 that may be lost by cutting at pauses of so many samples: 1 or 2, and 4 to 6."""

IN_CLAUSES = 2
"""Words of the sample call's 170, joined to long utterances, that clauses may lose: none or 1."""

MOONSHINE_CALL = 2
"""Words wrong of the 170 of the sample call: 1, both with VNNI and without."""

MOONSHINE_READ = 6
"""Words wrong of the 209 of recorded speech: 5, both with VNNI and without."""

MOONSHINE_LONG = SAME
"""Words wrong of the sample call in one piece: none, both with VNNI and without."""
