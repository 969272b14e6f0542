"""The committed inputs, the codec, the captions and the measures (numpy only)."""

import numpy as np
import pytest

from workloads import captions, codec, inputs, latte, metrics


@pytest.fixture(scope="module")
def data():
    return inputs.load()


def test_what_there_is(data):
    assert data.clips[0] == inputs.HELD_OUT and len(data.clips) >= 2
    assert len(data.times) >= 4 and min(data.times) <= 0.1 and max(data.times) >= 0.9
    config = latte.load_config(inputs.CHECKPOINT)
    for clip in data.clips:
        for time in data.times:
            sample = data.sample(clip, time)
            shape = (config.frames, config.in_channels, config.sample_size, config.sample_size)
            assert sample.noised.shape == shape and sample.noised.dtype == np.float16
            assert sample.tokens.shape == (config.frames * config.tokens_per_frame, config.hidden)
            assert sample.tokens.dtype == np.float16 and np.isfinite(sample.tokens).all()
            assert sample.caption.shape == (captions.CAPTION_TOKENS, config.caption_channels)
            assert sample.timestep == pytest.approx(1000 * time)


def test_noise_level_is_the_time(data):
    for clip in data.clips:
        clean = data.latents(clip).astype(np.float32)
        for time in data.times:
            noise = (data.sample(clip, time).noised.astype(np.float32) - (1 - time) * clean) / time
            assert abs(noise.std() - 1) < 0.02 and abs(noise.mean()) < 0.02


def test_null_caption(data):
    sample = data.sample(inputs.HELD_OUT, 0.35, null_caption=True)
    assert np.array_equal(sample.caption, captions.embed_caption(captions.NULL))
    assert np.array_equal(sample.caption[0], captions.word_vector(captions.PAD))


def test_unknown_sample_is_named(data):
    with pytest.raises(KeyError, match="noised/nothing/0.35"):
        data.sample("nothing", 0.35)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        inputs.load("nowhere")


def test_caption_length():
    assert captions.embed_caption("a red car").shape == (20, 64)
    with pytest.raises(ValueError, match="21 words"):
        captions.embed_caption("word " * 21)


def test_codec_round_trip(data):
    transform = codec.Codec.load()
    latents = data.latents(inputs.HELD_OUT).astype(np.float32)
    video = transform.decode(latents)
    assert video.shape == (16, 64, 64, 3) and video.dtype == np.uint8
    assert metrics.psnr(transform.decode(transform.encode(video)), video) > 35
    assert np.allclose(transform.basis.T @ transform.basis, np.eye(transform.channels), atol=1e-5)


def test_metrics():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (3, 8, 8, 3), np.uint8)
    assert metrics.psnr(a, a) == np.inf
    assert metrics.psnr(np.zeros(4), np.full(4, 255.0)) == 0
    assert metrics.latent_cosine(a, a) == pytest.approx(1) and metrics.latent_cosine(-a.astype(float), a) == pytest.approx(-1)
    b = a.copy()
    b[1, 0, 0, 0] ^= 16
    nearest = metrics.nearest_real_psnr(b[1:2], a)
    assert nearest[0] == pytest.approx(metrics.psnr(b[1:2], a[1:2]))
