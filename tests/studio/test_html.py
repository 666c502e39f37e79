from hypothesis import given
from hypothesis import strategies as st

from praxia.studio.html import Markup, join, tag


def test_text_is_escaped_and_markup_is_not():
    assert tag("p", "<b>", Markup("<b>")) == "<p>&lt;b&gt;<b></p>"


def test_attributes_are_escaped_and_named_as_html_names_them():
    made = tag("td", class_='"n"', aria_label="a<b", hidden=True, width=None, open=False)
    assert made == '<td class="&quot;n&quot;" aria-label="a&lt;b" hidden></td>'


def test_elements_without_content_have_no_end_tag():
    assert tag("rect", x=1) == '<rect x="1"/>'


def test_none_is_left_out():
    assert join([tag("b"), None]) == "<b></b>"


@given(st.text(max_size=50))
def test_no_text_opens_a_tag_or_leaves_its_attribute(text):
    inside = tag("p", text, title=text).removeprefix('<p title="').removesuffix("</p>")
    value, _, content = inside.partition('">')
    assert not {"<", '"'} & set(value)
    assert "<" not in content
