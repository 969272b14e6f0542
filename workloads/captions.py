"""Captions as fixed random word vectors: the text conditioning of the small video DiT (numpy only).

There is no language model.  A caption is lower-case English words; each word owns one fixed standard-normal
vector that depends on nothing but the word and `SEED`.  A caption is always `CAPTION_TOKENS` tokens long: its
words, then the pad word as often as needed.  The pad word is an ordinary embedding and nothing is masked, as in
Latte's text-to-video pipeline without an attention mask.  The null caption of classifier-free guidance is
`CAPTION_TOKENS` pad words.
"""

import zlib

import numpy as np

CAPTION_TOKENS = 20  # deliberately no multiple of 8: the accelerator has to handle a ragged key length
CAPTION_CHANNELS = 64
PAD = "<pad>"
NULL = ""
SEED = 58


def word_vector(word: str) -> np.ndarray:
    """The fixed embedding of one word: float32 [CAPTION_CHANNELS], standard normal."""
    rng = np.random.default_rng([SEED, zlib.crc32(word.encode("utf-8"))])
    return rng.standard_normal(CAPTION_CHANNELS).astype(np.float32)


def embed_caption(caption: str) -> np.ndarray:
    """Token embeddings of a caption: float32 [CAPTION_TOKENS, CAPTION_CHANNELS]; `NULL` gives the null caption."""
    words = caption.lower().split()
    if len(words) > CAPTION_TOKENS:
        raise ValueError(f"caption has {len(words)} words, at most {CAPTION_TOKENS} fit: {caption!r}")
    words += [PAD] * (CAPTION_TOKENS - len(words))
    return np.stack([word_vector(word) for word in words])
