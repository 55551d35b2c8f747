"""docs/images/dashboard has each page in each look, small enough to be read over a slow line."""

from every_page import PATHS
from screenshots import GALLERY, LOOKS, PICTURES, gallery, name_of

MOST_BYTES = 120_000


def test_every_page_has_its_pictures_and_no_other_is_there():
    names = {name_of(path) for path in PATHS} | {"rollout-running", "rollout-proposed"}
    wanted = {f"{name}-{look.name}.webp" for name in names for look in LOOKS}
    assert {path.name for path in PICTURES.iterdir()} == wanted
    assert GALLERY.read_text() == gallery(names)


def test_the_pictures_are_small():
    assert [path.name for path in PICTURES.iterdir() if path.stat().st_size > MOST_BYTES] == []
