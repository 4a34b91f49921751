"""What the words of `--only` mean, which options an area takes, and what is refused."""

import pytest

from gradproof.audit.areas import AREAS
from gradproof.audit.report import PAGES
from gradproof.audit.run import _part
from gradproof.audit.select import Options, matching, select
from gradproof.evidence.environment import PACKAGES
from gradproof.lookup import UsageError
from gradproof.tasks import Plan
from literature import CLAIMS
from reference import ALIASES, CATALOGUE
from reference.blocks import BLOCKS

OPTIONS = {"seed": 3, "draws": 2, "dtype": ("float32",), "oracle": ("torch",), "device": "cuda"}
NETWORKS = "4-5-3/*/tanh/*"


@pytest.mark.parametrize(
    ("only", "areas", "formulas", "pattern"),
    [
        ((), [*AREAS], None, "*"),
        (("kinks",), ["kinks"], None, "*"),
        (("kinks", "proofs"), ["kinks", "proofs"], None, "*"),
        (("activation/gelu",), [*AREAS], {"activation/gelu"}, "*"),
        (("cost/bce",), [*AREAS], {"cost/binary_cross_entropy"}, "*"),
        (("gelu", "nn.MSELoss", "bp1a"), [*AREAS], {"activation/gelu", "cost/squared_error", "nielsen-2015/bp1a"}, "*"),
        (("activation/hard*", "kinks"), ["kinks"],
         {f"activation/hard{name}" for name in ("tanh", "sigmoid", "swish", "shrink")}, "*"),
        (("block/lstm_classifier",), [*AREAS], {"block/lstm_classifier"}, "*"),
        (("block/*", "blocks"), ["blocks"], {*BLOCKS}, "*"),
        (("nielsen-2015/bp2",), [*AREAS], {"nielsen-2015/bp2"}, "*"),
        ((NETWORKS,), ["networks"], None, NETWORKS),
        ((NETWORKS, "networks"), ["networks"], None, NETWORKS),
    ],
)  # fmt: skip
def test_a_word_names_areas_formulas_or_networks(only, areas, formulas, pattern):
    chosen, plan = select(Options(only))
    assert [area.name for area in chosen] == areas
    assert (plan.formulas, plan.configuration) == (formulas, pattern)


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (("kink",), "--only kink: nothing matches; did you mean kinks"),
        (("activation/gelo",), "did you mean activation/gelu"),
        (("activation/q*",), "nothing matches"),
        (("l1",), "--only l1: nothing matches; did you mean cost/l1 or regularizer/l1"),
        (("mse", "cost/squared_error"), "cost/squared_error twice: as mse and as cost/squared_error"),
        (("4-5-3/float16/*",), "networks match a pattern such as"),
        (("",), r"--only '': nothing matches; .* them all \(areas: networks, accuracy, .*; networks"),
        (("kinks", "proofs", "kinks"), "--only names kinks twice"),
        (("cost/l1", "cost/l1"), "--only names cost/l1 twice: as cost/l1 and as cost/l1"),
        (("cost/bce", "cost/binary_cross_entropy"),
         "--only names cost/binary_cross_entropy twice: as cost/bce and as cost/binary_cross_entropy"),
        (("activation/relu", "activation/rel*"), "activation/relu twice: as activation/relu and as activation/rel"),
        ((NETWORKS, "deep/*"), r"--only takes one pattern of networks, not 4-5-3/\*/tanh/\* and deep/\*"),
        ((NETWORKS, "kinks"), "means networks, of which kinks knows nothing"),
    ],
)  # fmt: skip
def test_what_means_nothing_or_the_same_twice_is_refused(only, message):
    with pytest.raises(UsageError, match=message):
        select(Options(only))


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", AREAS)
def test_an_option_enters_an_area_or_is_refused(name, option):
    options = Options((name,), **{option: OPTIONS[option]})
    if option not in AREAS[name].options:
        with pytest.raises(UsageError, match=f"--{option} does not enter {name}; it does enter .*[a-z]"):
            select(options)
        return
    (area,), plan = select(options)
    said = {"seed": plan.seed, "draws": plan.draws, "dtype": plan.dtypes, "oracle": plan.oracles, "device": plan.device}
    assert said[option] == OPTIONS[option]
    assert options.given(area) == {
        **{o: x for o, x in (("seed", 0), ("draws", 1)) if o in area.options}, option: OPTIONS[option], "only": [name]
    }  # fmt: skip


def test_reports_are_made_of_the_whole():
    assert Options().whole
    assert Options(seed=3).whole
    assert not any(
        Options(**given).whole for given in ({"only": ("kinks",)}, {"dtype": ()}, {"draws": 2}, {"device": "cuda"})
    )


@pytest.mark.parametrize("id", [*CATALOGUE, *CLAIMS])
def test_every_id_names_itself_alone(id):
    assert matching(id) == [id]


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_names_what_it_stands_for(alias):
    assert matching(alias) == [ALIASES[alias][0]]


# ---------------------------------------------------------------- areas


@pytest.mark.parametrize("area", AREAS.values(), ids=lambda area: area.name)
def test_the_tasks_of_an_area_leave_a_file_each(area, tmp_path):
    if area.name == "literature":
        pytest.importorskip("flint")
    tasks = list(area.tasks(Plan()))
    assert tasks
    assert len({_part(area, task, tmp_path, "this").path for task in tasks}) == len(tasks)
    assert len(list(area.tasks(Plan(formulas=frozenset())))) == 0, "it takes formulas"
    assert {*area.uses, *area.needs} <= PACKAGES.keys()
    assert PAGES[area.name] is area.page
