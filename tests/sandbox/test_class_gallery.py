"""The class's page: everybody's latest pictures, for who knows its address."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from skytells_nb.sandbox._rendering import shrink


class Page(HTMLParser):
    """A page, taken apart."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.style = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "style" and not self.style:
            self.style = data
        else:
            self.text.append(data)

    def every(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture
def room(talk):
    """Make a class with its wall on, where everybody can picture something."""

    def make(learners=3, **options):
        api = talk(**{"learners": learners, "seconds": 0, "gallery": True, **options})
        api.path = f"/class/{api.core.state.gallery}"

        def picture(number, prompt="a fox", model="truefusion"):
            key = api.core.state.learners[number].key
            body = {"model": model, "input": {"prompt": prompt}}
            return api.ask("POST", "/v1/predictions", body, x_api_key=key).json["id"]

        api.picture = picture
        api.page = lambda query="": Page(api.get(api.path + query).answer.body.decode())
        return api

    return make


def test_it_is_off_unless_it_is_asked_for(room):
    api = room(gallery=False)
    for path in (api.path, "/class"):
        reply = api.get(path, x_api_key=api.core.state.api_key)
        assert (reply.status, reply.error_id) == (404, "ENDPOINT_NOT_FOUND")


def test_only_its_own_address_or_the_teachers_key_leads_to_it(room):
    api = room()
    learner = api.core.state.learners[0].key
    assert api.get(api.path, x_api_key="").status == 200
    assert api.get("/class", x_api_key=api.core.state.api_key).status == 200
    assert api.get("/class", x_api_key="").status == api.get("/class", x_api_key=learner).status == 401
    for wrong in ("/class/", "/class/guess", api.path[:-1], f"{api.path}/x", f"/class/{'%C3%A9'}"):
        assert api.get(wrong, x_api_key="").status in (401, 404)
    assert len(api.core.state.gallery) >= 22


def test_it_shows_everybodys_latest_pictures_with_their_prompts_and_who_has_none(room, clock):
    api = room()
    for number in range(6):
        api.picture(0, f"fox {number}")
    clock.forward(130)
    api.picture(2, "a whale")
    page = api.page()
    assert [each["alt"] for each in page.every("img")] == [
        "Picture by learner-01: fox 5",
        "Picture by learner-01: fox 4",
        "Picture by learner-01: fox 3",
        "Picture by learner-01: fox 2",
        "Picture by learner-03: a whale",
    ]
    assert "2 of 3 have made a picture" in page.words
    assert "learner-01 2 min ago fox 5" in page.words
    assert "learner-03 just now a whale" in page.words
    assert "Nothing yet from learner-02." in page.words


def test_before_the_first_picture_it_says_so(room):
    page = room().page()
    assert page.every("img") == []
    assert "No pictures yet." in page.words


def test_the_teachers_own_pictures_come_first(room):
    api = room()
    api.picture(0)
    teacher = {"x_api_key": api.core.state.api_key}
    api.ask("POST", "/v1/predictions", {"model": "truefusion", "input": {"prompt": "an owl"}}, **teacher)
    assert [each["alt"].split(":")[0] for each in api.page().every("img")] == [
        "Picture by teacher",
        "Picture by learner-01",
    ]


def test_a_prompt_cannot_be_more_than_text(room):
    api = room()
    nasty = '"><script>alert(1)</script><img src=x onerror=alert(1)>&amp; {0} %s \ud800'
    api.picture(0, nasty)
    reply = api.get(api.path)
    page = Page(reply.answer.body.decode())
    assert {name for name, _ in page.tags}.isdisjoint({"script", "iframe", "link", "object"})
    (image,) = page.every("img")
    assert set(image) == {"src", "alt", "width", "height", "decoding"}
    assert image["alt"].startswith('Picture by learner-01: "><script>')
    assert "&amp; {0} %s ?" in page.words


def test_it_loads_nothing_from_elsewhere_and_its_address_is_told_to_nobody(room):
    api = room()
    api.picture(0)
    reply = api.get(api.path)
    page = Page(reply.answer.body.decode())
    policy = reply.headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "script" not in policy
    assert (reply.headers["referrer-policy"], reply.headers["cache-control"]) == ("no-referrer", "no-store")
    links = [each.get("src") or each["href"] for tag in ("img", "a") for each in page.every(tag)]
    assert all(link.startswith("/class/") for link in links)


def test_pictures_below_the_first_are_loaded_when_they_are_scrolled_to(room):
    api = room(9)
    for number in range(9):
        api.picture(number)
    assert [each.get("loading") for each in api.page().every("img")] == [None] * 6 + ["lazy"] * 3


def test_it_is_read_aloud_in_order(room):
    api = room()
    api.picture(0)
    page = api.page()
    assert page.every("html") == [{"lang": "en"}]
    assert [name for name, _ in page.tags if re.fullmatch("h[1-6]", name)] == ["h1", "h2"]
    assert {"header", "main", "footer", "title"} <= {name for name, _ in page.tags}


def test_it_renews_itself_when_it_is_asked_to(room):
    api = room()
    assert "refresh" not in api.get(api.path).headers
    assert [
        api.get(f"{api.path}?every={every}").headers.get("refresh")
        for every in ("15", "1", "99999", "x", "-3")
    ] == ["15", "5", "3600", None, None]
    assert "Renewed every 15 seconds" in api.page("?every=15").words


def test_other_media_and_unfinished_pictures_are_not_on_it(room, clock):
    api = room(seconds=10)
    api.picture(0)
    api.picture(1, model="sandbox-scribe")
    assert api.page().every("img") == []
    clock.forward(10)
    assert len(api.page().every("img")) == 1


def test_a_thumbnail_outlives_the_file_and_goes_with_its_prediction(room, clock):
    api = room()
    id = api.picture(0)
    clock.forward(1000)
    (image,) = api.page().every("img")
    asset = api.get(image["src"]).answer.asset
    assert (asset.job, asset.edge) == (id, 384)
    api.ask("DELETE", f"/v1/predictions/{id}", x_api_key=api.core.state.learners[0].key)
    assert api.page().every("img") == []
    assert api.get(image["src"]).status == 404


def test_thumbnails_need_the_address_too(room):
    api = room()
    api.picture(0)
    (image,) = api.page().every("img")
    assert api.get(image["src"].replace(api.core.state.gallery, "guess")).status == 404


def test_a_thumbnail_is_small_keeps_its_shape_and_is_never_enlarged():
    for size, smaller in (((1024, 512), (384, 192)), ((100, 50), (100, 50))):
        file = io.BytesIO()
        Image.new("RGBA", size, "teal").save(file, "PNG")
        with Image.open(io.BytesIO(shrink(file.getvalue(), 384))) as small:
            assert (small.format, small.size) == ("JPEG", smaller)
