"""What is sent to the latent map, and what is made of what comes back."""

from __future__ import annotations

import numpy as np
import pytest

from ui import component, text
from ui.latent_map import CLASS_COLOURS, LABELS, Posterior, encode, taken

WORDS = {name: name for name in LABELS}


def decoder(*widths: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [
        (rng.normal(size=(after, before)), rng.normal(size=after))
        for before, after in zip(widths, widths[1:], strict=False)
    ]


def described(**changed) -> dict:
    return {
        "key": "k", "layers": decoder(2, 5, 16), "at": np.zeros((3, 2)), "classes": np.arange(3),
        "images": np.zeros((3, 4, 4), np.uint8), "ends": (0, 2), "labels": WORDS,
    } | changed  # fmt: skip


def test_the_message_holds_the_decoder_and_the_points():
    given = described()
    header, parts = component.decode(encode(**given))
    assert header["widths"] == [2, 5, 16] and header["side"] == 4 and header["ends"] == [0, 2]
    np.testing.assert_array_equal(parts["weight1"].reshape(16, 5), given["layers"][1][0].astype(np.float32))
    assert parts["bias0"].dtype == np.float32 and parts["classes"].tolist() == [0, 1, 2]
    assert header["posterior"] is None and "density" not in parts


def test_the_posterior_goes_along():
    density = np.arange(16.0).reshape(4, 4)
    header, parts = component.decode(
        encode(**described(posterior=Posterior((0, 1), (1, 2), (0, 1, 0, 1), density, -3, -4)))
    )
    assert header["posterior"]["size"] == 4 and header["posterior"]["elbo"] == -4
    assert parts["density"].max() == 255 and parts["density"][0] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": {}}, {"layers": decoder(3, 5, 16)}, {"layers": decoder(2, 5, 15)}, {"classes": np.arange(2)},
        {"at": np.zeros((2, 2))}, {"images": np.zeros((3, 5, 5), np.uint8)},
        {"layers": [*decoder(2, 5), *decoder(6, 16)]},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError):
        encode(**described(**wrong))


def test_a_decoder_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match="bytes"):
        encode(**described(layers=decoder(2, 40_000, 16)))


def test_ends_out_of_range_are_brought_within():
    header, _ = component.decode(encode(**described(ends=(-4, 99))))
    assert header["ends"] == [0, 2]


@pytest.mark.parametrize("junk", [None, 5, "ab", [], [1], [1, 2, 3], [1, "2"], [True, 1], [-1, 0], [0, 3], [0.5, 1]])
def test_what_is_no_pair_of_points_is_left_out(junk):
    assert taken(junk, 3) is None
    assert taken([0, 2], 3) == (0, 2)


@pytest.mark.parametrize("language", text.languages())
def test_every_label_exists(language):
    t = text.Words(language)
    assert all(t.template(f"vae.latent_map.part.{name}") for name in LABELS)


def test_there_is_a_colour_for_every_digit():
    assert all(len(set(colours)) == 10 for colours in CLASS_COLOURS.values())
