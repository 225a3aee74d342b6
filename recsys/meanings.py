"""What the measures say, in one line each, for people who have not met them before."""

from __future__ import annotations

from collections.abc import Iterable

#: of one person's list, from 0 to 1, more is better; the first that a report has leads its words
ACCURACY = {
    "ndcg": "how high in the list people find what they took, from 0 to 1",
    "recall": "the share of what people took that their list shows",
    "capped_recall": "the share that the list shows of what it could show of what people took",
    "hit_rate": "the share of people whose list shows anything that they took",
    "precision": "the share of the places that show something that people took",
    "map": "how early the list shows what people took, from 0 to 1",
    "mrr": "one over the place of the first item that people took",
}
#: of lists, whatever people took
BEYOND = {
    "coverage": "the share of the catalogue that anybody is shown",
    "user_coverage": "the share of people who are shown anything",
    "gini": "how unequally the items are shown: 0 all alike, 1 one item alone",
    "gini_corrected": "the same between what lists of this length can reach, 0 to 1",
    "entropy": "how evenly the items are shown, in bits: more is more even",
    "personalization": "how different the lists of two people are, 0 to 1",
    "novelty": "how rare the shown items are, in bits: one more is half as many people",
    "arp": "how many training rows a shown item has on average",
    "long_tail": "the share of the places for items outside the head that holds 80 % of the rows",
    "popularity_lift": "how much more popular the lists are than what people had: 0 alike, 1 twice",
    "popular_overlap": "the share of the places that the most popular unseen items would have too",
    "unexpected_hits": "the share of the places with a hit that a list of popular items would miss",
    "ild": "how different the items of one list are",
    "serendipity": "hits that are unlike what people had",
}
#: of how evenly people and items are served
FAIRNESS = {
    "user_gini": "how unequally people are served: 0 all alike, 1 one alone",
    "user_p10": "what one in ten people does not reach",
    "user_gap": "the best group's mean less the worst group's",
    "user_ratio": "the worst group's mean over the best group's: 1 alike",
    "user_std": "the standard deviation of the groups' means",
    "user_worst": "the mean of the group that is served worst",
    "user_mad": "the mean difference between two groups",
    "social_gap": "how far two people who are tied are apart, on average",
    "stranger_gap": "the same for two people taken at random",
    "isolated_gap": "people without any tie less the others",
    "ee_l": "the distance of the items' exposure from what their relevance deserves",
    "ee_d": "how concentrated the exposure is",
    "ee_r": "how much of the exposure goes where relevance is",
    "iaa": "the sum of the differences between attention and relevance of each item",
    "pop_rsp": "how unequally popular and other items are shown: 0 alike",
    "pop_reo": "the same among the items that people took",
    "exposure_share": "a group of items' share of all attention; early places count more",
    "exposure_target": "the share that it should have",
    "log_dp": "the logarithm of a group's exposure per item over that of the others: 0 alike",
    "log_eur": "the same per item that people took",
    "log_rur": "the same for hits",
    "demographic_parity": "the largest difference between the groups' exposure and its target",
    "awrf": "the distance of the groups' attention from its target: 0 fair",
    "rsp": "how unequally groups of items are shown: 0 alike",
    "reo": "the same among the items that people took",
    "ndkl": "how far the first places of the lists are from the target, top places count more",
    "upd": "how far lists are from the popularity that people are used to, by group: 0 alike",
}


def explained(names: Iterable[str]) -> list[str]:
    """A line for each measure that has one, in the order of the names, each once.

    Examples
    --------
    >>> explained(["mrr@10", "mrr@20", "unheard_of"])
    ['mrr: one over the place of the first item that people took.']
    """
    known = ACCURACY | BEYOND | FAIRNESS
    asked = dict.fromkeys(name.partition(":")[0].partition("@")[0] for name in names)
    return [f"{name}: {known[name]}." for name in asked if name in known]
