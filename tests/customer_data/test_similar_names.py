"""Names that look mistyped: which are told of, which are left alone, and that the work stays bounded."""

import pytest

from customer_data.similar_names import similar_names


def _found(counts: dict[str, float]) -> dict[str, str]:
    return {one.rare: one.common for one in similar_names(counts)}


def test_every_spelling_of_a_common_name_is_found_with_the_counts_of_both() -> None:
    counts = {"Paid Social": 10_000, "Paid Socail": 12, "paid social": 3, "Paid  Social": 2, "PaidSocial": 1, "TV": 9}
    found = similar_names(counts)
    assert [(one.rare, one.rare_count) for one in found] == [
        ("Paid Socail", 12),
        ("paid social", 3),
        ("Paid  Social", 2),
        ("PaidSocial", 1),
    ]
    assert {(one.common, one.common_count) for one in found} == {("Paid Social", 10_000)}


@pytest.mark.parametrize("other", ["E-Mail", "email", "e mail", "\uff25mail", "Email.", "E_MAIL", "Email\u200b"])
def test_capitals_blanks_and_punctuation_tell_no_two_names_apart_however_common_both_are(other: str) -> None:
    assert _found({"Email": 5_000, other: 4_999}) == {other: "Email"}


@pytest.mark.parametrize(
    ("common", "rare"),
    [
        ("Email", "Emial"),  # two letters changed places: one edit
        ("Email", "Emai"),
        ("Email", "Emaill"),
        ("Email", "Amail"),
        ("Affiliates", "Afiliate"),  # two edits, from eight letters on
        ("Affiliates", "Affilaites"),
        ("Organic Search", "Ogranic Saerch"),
        ("Café Ads", "Cafe Ads"),
    ],
)
def test_few_edits_make_a_rare_name_another_spelling(common: str, rare: str) -> None:
    assert _found({common: 10_000, rare: 99}) == {rare: common}
    assert _found({common: 10_000, rare: 100}) == {}  # not under 1 %


@pytest.mark.parametrize(
    ("common", "rare"),
    [
        ("Campaign 1", "Campaign 2"),
        ("Campaign 1", "Campaign"),
        ("Campaign 11", "Campaign 1.1"),
        ("Campaign 1", "Campaign 12"),
        ("2024 Brand", "2025 Brand"),
        ("Search US", "Search UK"),
        ("Group A", "Group B"),
        ("SEA", "SEO"),
        ("Email", "Eamli"),  # two edits, but five letters
        ("Display", "Dispatch"),
        ("🎉", "🔥"),
    ],
)
def test_names_that_are_meant_to_differ_are_left_alone(common: str, rare: str) -> None:
    assert _found({common: 1_000_000, rare: 1}) == {}


def test_a_name_between_two_belongs_to_the_more_common_one() -> None:
    assert _found({"Partner": 1_000, "Partners": 50_000, "Partnerz": 3}) == {"Partnerz": "Partners"}


def test_thousands_of_names_are_compared_in_bounded_work() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = {f"summer sale of shoes {a}{b}{c}zz": 1_000_000.0 for a in letters[:20] for b in letters for c in "qrst"}
    assert len(names) == 2_080
    assert similar_names(names) == []  # all equally common
    ranked = {name: 1_000_000 / (1 + number) for number, name in enumerate(names)}
    found = similar_names(ranked)
    assert len({one.rare for one in found}) == len(found) < len(names)


def test_the_order_of_names_does_not_matter() -> None:
    counts = {"Paid Social": 900, "paid social": 900, "PAID SOCIAL": 3, "Paid Socials": 2}
    assert similar_names(counts) == similar_names(dict(reversed(counts.items())))
