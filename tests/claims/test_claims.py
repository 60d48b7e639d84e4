"""The table of claims: each id is used once; a claim that a study has no runs for is left out."""

from hand_results import curve, results

from imagenet_transfer.claims.claims import CLAIMS
from imagenet_transfer.claims.findings import judge_all


def test_no_two_claims_have_the_same_id():
    names = [claim.name for claim in CLAIMS]
    assert len(names) == len(set(names)) == 20


def test_claims_without_their_output_are_left_out():
    assert judge_all(results({})) == []
    names = {one.claim.name for one in judge_all(curve())}
    assert names == {"1a", "1b", "1c", "1d"}
