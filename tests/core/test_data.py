"""The data sets: what they hold, where they come from, and what is said when a file is missing or damaged."""

import gzip
import hashlib
import re
import shutil
import struct

import pytest
import torch

from core import data, data_files

LOADERS = {
    "mnist.npz": lambda: data.mnist("test"),
    "old_faithful.csv": data.old_faithful,
    "bdims.csv": data.body_measurements,
    "nhefs.csv": lambda: data.body_measurements("nhefs"),
    "datasaurus.csv": data.datasaurus,
    "chelsea.png": lambda: data.photograph("chelsea"),
    "coffee.png": lambda: data.photograph("coffee"),
}


@pytest.fixture
def forgetful():
    """Nothing read before is remembered, and nothing read here is afterwards."""
    cached = (data.mnist, data.fashion_mnist, data.old_faithful, data.body_measurements, data.datasaurus)
    cached += (data.photograph,)
    for loader in cached:
        loader.cache_clear()
    yield
    for loader in cached:
        loader.cache_clear()


@pytest.fixture
def copy(tmp_path, monkeypatch, forgetful):
    """A copy of data/ that may be spoilt."""
    folder = tmp_path / "data"
    shutil.copytree(data_files.FOLDER, folder)
    monkeypatch.setattr(data_files, "FOLDER", folder)
    return folder


# what is there


@pytest.mark.parametrize(("split", "n", "mean"), [("train", 60_000, 0.1307), ("test", 10_000, 0.1325)])
def test_mnist_is_whole(split, n, mean):
    digits = data.mnist(split)
    assert digits.images.shape == (n, 1, 28, 28)
    assert digits.images.dtype == torch.uint8
    assert digits.labels.shape == (n,)
    assert digits.labels.dtype == torch.int64
    assert digits.labels.unique().tolist() == list(range(10))
    assert digits.images.float().mean().item() / 255 == pytest.approx(mean, abs=1e-4)
    assert data.images("mnist", split) is digits  # kept


def test_mnist_is_the_original():
    digits = data.mnist("test")
    header = struct.pack(">IIII", 2051, 10_000, 28, 28)
    md5 = hashlib.md5(header + digits.images.numpy().tobytes(), usedforsecurity=False)
    assert md5.hexdigest() == "2646ac647ad5339dbf082846283269ea"
    assert digits.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_old_faithful():
    geyser = data.old_faithful()
    assert geyser.values.shape == (272, 2)
    assert geyser.values.dtype == torch.float64
    assert geyser.eruptions[0] == 3.6
    assert geyser.waiting[0] == 79
    assert geyser.waiting.mean().item() == pytest.approx(70.897, abs=1e-3)
    assert geyser.units == ("min", "min")


@pytest.mark.parametrize(
    ("source", "n", "men", "height"), [("bdims", 507, 247, (147, 199)), ("nhefs", 1629, 799, (142, 199))]
)
def test_body_measurements(source, n, men, height):
    bodies = data.body_measurements(source)
    assert len(bodies) == len(bodies.height) == n
    assert int(bodies.sex.sum()) == men
    assert height[0] < bodies.height.min() < bodies.height.max() < height[1]
    assert 30 < bodies.weight.min() < bodies.weight.max() < 170
    taller = bodies.height[bodies.sex == 1].mean() - bodies.height[bodies.sex == 0].mean()
    assert 12 < taller < 14  # 1 is a man in both
    assert torch.isfinite(bodies.values).all()


def test_a_table_names_its_columns():
    bodies = data.body_measurements()
    assert bodies.values.shape == (507, 16)
    assert len(bodies.names) == len(bodies.units) == 16
    assert sum(name.endswith("_girth") for name in bodies.names) == 12
    torch.testing.assert_close(bodies.columns("weight", "height"), bodies.values[:, [1, 0]])
    with pytest.raises(AttributeError, match="no column 'shoe_size'; the columns are height, weight"):
        bodies.columns("shoe_size")


def test_datasaurus_has_its_famous_moments():
    points = data.datasaurus()
    assert points.values.shape == (142, 2)
    torch.testing.assert_close(points.values.mean(0), torch.tensor([54.263, 47.832]).double(), rtol=0, atol=1e-3)
    torch.testing.assert_close(points.values.std(0), torch.tensor([16.765, 26.935]).double(), rtol=0, atol=1e-3)
    assert torch.corrcoef(points.values.T)[0, 1].item() == pytest.approx(-0.0645, abs=1e-4)


@pytest.mark.parametrize("name", data.PHOTOGRAPHS)
def test_photographs(name):
    picture = data.photograph(name)
    assert picture.shape == (3, 128, 128)
    assert picture.dtype == torch.uint8
    red, _, blue = picture.double().mean((1, 2))
    assert red > blue + 20  # a ginger cat, a wooden table: the channels are in order
    assert picture.double().std() > 20


@pytest.mark.parametrize("name", sorted(LOADERS))
def test_every_tensor_is_made_on_a_named_device(forgetful, name):
    with torch.device("meta"):  # a factory call without a device makes a tensor without content
        found = LOADERS[name]()
    parts = [found] if isinstance(found, torch.Tensor) else [v for v in vars(found).values() if hasattr(v, "device")]
    assert parts
    assert {part.device.type for part in parts} == {"cpu"}


# checksums


def test_sources_lists_every_file_with_its_checksum():
    text = (data_files.FOLDER / "SOURCES.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", text, re.MULTILINE))
    assert listed == data_files.SHIPPED | {name: file.sha256 for name, file in data_files.FASHION.items()}
    files = {path.name for path in data_files.FOLDER.iterdir() if path.suffix in (".csv", ".npz", ".png")}
    assert files == set(data_files.SHIPPED) == set(LOADERS)
    assert all(f"`{name}`" in text.partition("\n## ")[2] or f"`{name}`:" in text for name in files)


@pytest.mark.parametrize("name", sorted(data_files.SHIPPED))
def test_checksum_is_the_files(name):
    content = (data_files.FOLDER / name).read_bytes()
    assert data.checksum(name.partition(".")[0]) == hashlib.sha256(content).hexdigest()


def test_checksum_of_what_has_no_file():
    assert re.fullmatch("[0-9a-f]{64}", data.checksum("fashion_mnist"))
    with pytest.raises(ValueError, match="No data file is called 'moons'; choose one of: bdims"):
        data.checksum("moons")


# missing, damaged, unknown


@pytest.mark.parametrize("name", sorted(LOADERS))
def test_a_missing_file_is_one_sentence(copy, name):
    (copy / name).unlink()
    with pytest.raises(data.DataError) as caught:
        LOADERS[name]()
    assert str(caught.value) == f"The data file {copy / name} is missing; copy it again from the project."


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-1] + bytes([b[-1] ^ 1])])
@pytest.mark.parametrize("name", sorted(LOADERS))
def test_a_damaged_file_is_one_sentence(copy, name, spoil):
    (copy / name).write_bytes(spoil((copy / name).read_bytes()))
    with pytest.raises(data.DataError) as caught:
        LOADERS[name]()
    assert str(caught.value).startswith(f"The data file {copy / name} is damaged")


def test_a_file_that_cannot_be_read_is_one_sentence(copy):
    (copy / "bdims.csv").unlink()
    (copy / "bdims.csv").mkdir()
    with pytest.raises(data.DataError, match="cannot be read: "):
        data.body_measurements()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: data.mnist("validation"),
        lambda: data.fashion_mnist("validation"),
        lambda: data.images("cifar", "train"),
        lambda: data.available("cifar"),
        lambda: data.body_measurements("galton"),
        lambda: data.photograph("astronaut"),
        lambda: data.shape("heart", 3, torch.Generator()),
    ],
)
def test_an_unknown_name_is_told_what_there_is(ask):
    with pytest.raises(ValueError, match=r"There is no .+ called '\w+'; choose one of: "):
        ask()


# Fashion-MNIST, from small stand-ins of its files


def idx(images, seed):
    generator = torch.Generator().manual_seed(seed)
    count = 5
    if images:
        pixels = torch.randint(0, 256, (count * 784,), generator=generator, dtype=torch.uint8)
        return struct.pack(">IIII", 2051, count, 28, 28) + pixels.numpy().tobytes()
    return struct.pack(">II", 2049, count) + bytes([3, 1, 4, 1, 5])


@pytest.fixture
def fashion(tmp_path, monkeypatch, forgetful):
    """Four small files under Fashion-MNIST's names; no copy on this machine, no address to load from."""
    contents = {name: idx("images" in name, seed) for seed, name in enumerate(data_files.FASHION)}
    sums = {name: data_files.Idx(hashlib.sha256(c).hexdigest(), len(c)) for name, c in contents.items()}
    monkeypatch.setattr(data_files, "FASHION", sums)
    monkeypatch.setattr(data_files, "FASHION_SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setattr(data_files, "FASHION_ADDRESSES", ((tmp_path / "nowhere").as_uri() + "/",))
    monkeypatch.setenv("TEN_STEPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TEN_STEPS_FASHION_MNIST", raising=False)
    return contents


def put(folder, contents, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)


def check(contents, split="train"):
    clothes = data.images("fashion_mnist", split)
    prefix = {"train": "train", "test": "t10k"}[split]
    assert clothes.images.shape == (5, 1, 28, 28)
    assert clothes.images.numpy().tobytes() == contents[f"{prefix}-images-idx3-ubyte"][16:]
    assert clothes.labels.tolist() == [3, 1, 4, 1, 5]
    assert clothes.labels.dtype == torch.int64


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["system", "home/fashion-mnist", "named"])
def test_fashion_mnist_is_found_on_the_machine(fashion, tmp_path, monkeypatch, place, packed, split):
    assert not data.available("fashion_mnist")
    put(tmp_path / place, fashion, packed)
    monkeypatch.setenv("TEN_STEPS_FASHION_MNIST", str(tmp_path / "named"))
    assert data.available("fashion_mnist")
    check(fashion, split)


def test_fashion_mnist_is_downloaded_once(fashion, tmp_path, monkeypatch):
    put(tmp_path / "server", fashion)
    addresses = (*data_files.FASHION_ADDRESSES, (tmp_path / "server").as_uri() + "/")
    monkeypatch.setattr(data_files, "FASHION_ADDRESSES", addresses)
    check(fashion)
    kept = sorted(path.name for path in (tmp_path / "home" / "fashion-mnist").iterdir())
    assert kept == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    shutil.rmtree(tmp_path / "server")
    data.fashion_mnist.cache_clear()
    check(fashion)


def test_a_damaged_copy_of_fashion_mnist_is_passed_over_and_replaced(fashion, tmp_path, monkeypatch):
    put(tmp_path / "server", fashion)
    monkeypatch.setattr(data_files, "FASHION_ADDRESSES", ((tmp_path / "server").as_uri() + "/",))
    cut = tmp_path / "home" / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    put(cut.parent, fashion)
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    check(fashion)
    assert gzip.decompress(cut.read_bytes()) == fashion["train-images-idx3-ubyte"]


def test_a_download_is_used_where_it_cannot_be_kept(fashion, tmp_path, monkeypatch):
    put(tmp_path / "server", fashion)
    monkeypatch.setattr(data_files, "FASHION_ADDRESSES", ((tmp_path / "server").as_uri() + "/",))
    (tmp_path / "home").write_text("a file where the folder should be")
    check(fashion)


@pytest.mark.parametrize("answer", [None, b"", b"<html>not here</html>", b"\x1f\x8b cut", b"x" * 100_000])
def test_no_fashion_mnist_is_one_sentence(fashion, tmp_path, monkeypatch, answer):
    if answer is not None:
        put(tmp_path / "server", dict.fromkeys(fashion, b""))
        for path in (tmp_path / "server").iterdir():
            path.write_bytes(answer)
        monkeypatch.setattr(data_files, "FASHION_ADDRESSES", ((tmp_path / "server").as_uri() + "/",))
    with pytest.raises(data.DataError, match=r"could not be downloaded \(.+\): install Debian's dataset-fashion-mnist"):
        data.fashion_mnist("train")
    assert not (tmp_path / "home").exists()


def test_a_file_that_unpacks_to_more_than_it_should_is_refused(fashion, tmp_path):
    put(tmp_path / "system", {name: content + bytes(50_000_000) for name, content in fashion.items()})
    with pytest.raises(data.DataError):
        data.fashion_mnist("test")


@pytest.mark.skipif(not data_files.FASHION_SYSTEM_FOLDER.is_dir(), reason="Fashion-MNIST is not installed here")
def test_fashion_mnist_itself(forgetful, tmp_path, monkeypatch):
    monkeypatch.setenv("TEN_STEPS_HOME", str(tmp_path))
    monkeypatch.setattr(data_files, "FASHION_ADDRESSES", ())
    clothes = data.fashion_mnist("test")
    assert clothes.images.shape == (10_000, 1, 28, 28)
    assert clothes.labels.bincount().tolist() == [1000] * 10
