from praxia.studio.contents import with_contents
from praxia.studio.html import tag

SECTIONS = [tag("section", tag("h2", f"Part {number} < {number + 1}"), tag("p", "text")) for number in range(7)]


def test_a_long_page_links_to_every_section_after_the_first():
    first, contents, *others = with_contents(SECTIONS)
    assert first.startswith('<section id="section-0"><h2>Part 0')
    assert contents.count("<a ") == 6
    assert '<a href="#section-3">Part 3 &lt; 4</a>' in contents
    assert [section[:24] for section in others[:2]] == ['<section id="section-1">', '<section id="section-2">']


def test_a_short_page_has_anchors_only():
    assert len(with_contents(SECTIONS[:4])) == 4
