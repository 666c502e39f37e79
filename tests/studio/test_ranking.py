from ball_world import page_without_videos, text_of, write_results
from scipy.stats import binomtest

GOOD, LIKE_GOOD, BAD = "s" * 20 + "f" * 4, "f" + "s" * 20 + "f" * 3, "f" * 18 + "s" * 6


def ranking_of(root, document, **letters):
    for name, outcomes in letters.items():
        write_results(root / f"{name}.jsonl", {"push": outcomes}, policy=f"runs/{name}", sha256=name)
    write_results(root / "expert.jsonl", {"push": "s" * 24}, policy="expert", sha256="expert")
    page = page_without_videos(root)
    rows = document(page).rows
    heads = [number for number, row in enumerate(rows) if row and row[0] == "policy"]
    return page, rows[heads[0] :], rows[heads[1] :]


def test_policies_that_no_test_separates_share_their_ranks(tmp_path, document):
    page, ranks, _ = ranking_of(tmp_path, document, good=GOOD, bad=BAD, like=LIKE_GOOD)
    assert [row[:3] for row in ranks[1:4]] == [
        ["good", "1–2", f"{100 * 20 / 24:.1f}%"],
        ["like", "1–2", f"{100 * 20 / 24:.1f}%"],
        ["bad", "3", "25.0%"],
    ]
    found = binomtest(6, 24).proportion_ci(method="wilson")
    assert ranks[3][3] == f"{100 * found.low:.1f}–{100 * found.high:.1f}%"
    assert "against" not in text_of(page).split("Where the numbers come from")[0].replace("against train", "")


def test_differences_are_bold_where_a_test_separates_two_policies(tmp_path, document):
    page, _, differences = ranking_of(tmp_path, document, good=GOOD, bad=BAD, like=LIKE_GOOD)
    assert differences[0] == ["policy", "good", "like", "bad"]
    gap = 100 * 14 / 24
    assert differences[1] == ["good", "", "+0.0", f"+{gap:.1f}"]
    assert differences[3] == ["bad", f"−{gap:.1f}", f"−{gap:.1f}", ""]
    assert page.count("<strong>−58.3</strong>") == 2
    assert page.count("<strong>+58.3</strong>") == 2


def test_two_policies_have_a_verdict_instead(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": GOOD}, policy="runs/good")
    write_results(tmp_path / "b.jsonl", {"push": BAD}, policy="runs/bad", sha256="2")
    text = text_of(page_without_videos(tmp_path))
    assert "<h2>Ranking" not in text
    assert "good against bad" in text
