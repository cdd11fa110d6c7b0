"""Strips of small pictures in a table: what a network draws, row by row.

strips.rows(["rebuilt", "drawn"], [("25", (images, images)), ("50", (images, None))])
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
import streamlit as st


def png(images: np.ndarray) -> str:
    """Images (N, 28, 28) uint8, 255 the ink, side by side on paper, as a data address."""
    from PIL import Image

    row = np.concatenate([np.pad(image, ((0, 0), (1, 1))) for image in images], axis=1)
    file = io.BytesIO()
    Image.fromarray(255 - row).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def rows(head: Sequence[str], body: Sequence[tuple[str, Sequence[np.ndarray | None]]]) -> None:
    """A table: a name for each row, and a strip for each column. All texts are our own."""
    columns = "".join(f"<th scope='col' style='text-align:left;width:50%'>{html.escape(name)}</th>" for name in head)
    lines = ""
    for name, strips in body:
        said = html.escape(name)
        cells = "".join(
            "<td></td>"
            if strip is None
            else f'<td style="padding:1px 8px 1px 0"><img alt="{said} · {html.escape(title)}" src="{png(strip)}"></td>'
            for title, strip in zip(head, strips, strict=True)
        )
        lines += f'<tr><th scope="row">{said}</th>{cells}</tr>'
    st.html(f'<table class="growing"><tr><td></td>{columns}</tr>{lines}</table>')
