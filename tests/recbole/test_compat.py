"""The compatibility layer: applied, undone, and what it refuses."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.sparse import dok_matrix

from graphcl.core.errors import ConfigError, UserError
from graphcl.recbole import checkpoints, compat
from graphcl.recbole.literals import is_computed
from tests.recbole.conftest import Run

UNDONE = """
import sys
sys.modules["pkg_resources"] = None  # as with setuptools 82
import numpy, pandas, torch, scipy.sparse
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.trainer import HyperTuning, Trainer
import recbole.utils, recbole.model.general_recommender, recbole.model.sequential_recommender
from recbole.model.general_recommender import NCL
from types import ModuleType

owners = [numpy, pandas, scipy.sparse.dok_matrix, Config, Dataset, HyperTuning, Trainer, NCL]
owners += [module for name, module in sys.modules.items() if name.startswith("recbole")]
before = [dict(vars(owner)) for owner in owners]
load = torch.load

import graphcl.recbole
changed = [name for owner, names in zip(owners, before) for name in names if vars(owner)[name] is not names[name]]
assert len(changed) >= 5, changed
graphcl.recbole.compat.undo()
for owner, names in zip(owners, before):
    for name, value in names.items():
        assert vars(owner)[name] is value, (owner, name)
    added = set(vars(owner)) - set(names)
    assert all(isinstance(vars(owner)[name], ModuleType) for name in added), (owner, added)
assert "ray" not in sys.modules and torch.load is load
import recbole.quick_start.quick_start as quick_start
assert quick_start.get_model is recbole.utils.get_model and not hasattr(quick_start.get_model, "__wrapped__")
assert not hasattr(quick_start.load_data_and_model, "__wrapped__")
"""


def test_undo_puts_every_name_back() -> None:
    done = subprocess.run([sys.executable, "-c", UNDONE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_shim_says_why_and_for_what() -> None:
    assert len({shim.name for shim in compat.SHIMS}) == len(compat.SHIMS)
    assert all(shim.reason and shim.versions for shim in compat.SHIMS)


def test_a_second_import_or_apply_changes_nothing() -> None:
    update = dok_matrix._update
    compat.apply()
    assert dok_matrix._update is update


class Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch harmed",)


class CallsConfig:
    def __reduce__(self) -> tuple[object, ...]:
        from recbole.config import Config

        return Config, ("BPR", "ml-100k", None, {"a": "open('harmed', 'w')"})


@pytest.mark.parametrize(
    ("what", "said"), [(Harmful(), "system, which no checkpoint"), (CallsConfig(), "calls RecBole's Config")]
)
def test_a_checkpoint_that_runs_code_is_refused(run: Run, what: object, said: str) -> None:
    run("BPR", saved=True)
    (file,) = Path("saved").glob("BPR-*.pth")
    state = checkpoints.load(file)
    assert state["config"]["embedding_size"] == 16
    torch.save({**state, "other_parameter": what}, file, pickle_protocol=4)

    from recbole.quick_start import load_data_and_model

    with pytest.raises(UserError, match=said):
        load_data_and_model(str(file))
    assert not Path("harmed").exists()


@pytest.mark.parametrize("left", [3000, 100, 0])
def test_a_torn_checkpoint_is_said(left: int) -> None:
    torch.save({"state_dict": {"weight": torch.ones(1000)}}, "whole.pth", pickle_protocol=4)
    Path("torn.pth").write_bytes(Path("whole.pth").read_bytes()[:left])
    with pytest.raises(UserError, match=r"torn\.pth is no whole checkpoint of RecBole: "):
        checkpoints.load("torn.pth")
    with pytest.raises(FileNotFoundError):
        checkpoints.load("nowhere.pth")


def test_other_loads_are_not_touched() -> None:
    torch.save(Harmful, "class.pth")
    with pytest.raises(pickle.UnpicklingError):
        torch.load("class.pth")


def test_a_stored_config_is_a_config_again(run: Run) -> None:
    from recbole.config import Config
    from recbole.model.general_recommender import BPR

    run("BPR", saved=True)
    config = checkpoints.load(next(Path("saved").glob("BPR-*.pth")))["config"]
    assert type(config) is Config
    assert config.model_class is BPR


def test_trainer_resumes_and_model_loads(run: Run) -> None:
    from recbole.quick_start import load_data_and_model
    from recbole.trainer import Trainer

    result = run("BPR", saved=True)
    (file,) = Path("saved").glob("BPR-*.pth")
    config, model, _, _, _, test = load_data_and_model(str(file))
    trainer = Trainer(config, model)
    assert dict(trainer.evaluate(test, load_best_model=False)) == dict(result["test_result"])
    trainer.resume_checkpoint(file)
    assert trainer.start_epoch == 1


@pytest.mark.parametrize("text", [
    "1", "-1e-3", "[1, 'a']", "{'RS': [0.8, 0.1, 0.1]}", "None", "true", "ml-100k", "saved/LightGCL-Nov-1.pth",
    "MRR@10", "max", "[0,inf)", "user_id", "cuda:0", "a.b", "f(x)", "pop100", "",
])  # fmt: skip
def test_literals_and_texts_pass(text: str) -> None:
    assert not is_computed(text)


@pytest.mark.parametrize("text", [
    "os.system('touch harmed')", "__import__('os').system('ls')", "2**3", "().__class__.__base__.__subclasses__()",
    "[x.__class__ for x in (1,)]", "(lambda: 1)()", "f'{1}'", "x[open('harmed', 'w')]", "[1][0]", "(y := 1)",
    "nothing if print(1) else 2", "9**9**9 + nothing", "[1].copy() + nothing", " os.getcwd()", "[nothing, sys.exit()]",
])  # fmt: skip
def test_what_would_be_run_is_found(text: str) -> None:
    assert is_computed(text)


def test_settings_that_would_be_run_are_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"reg_weight: .*would be run as Python by RecBole"):
        run("BPR", reg_weight="__import__('pathlib').Path('harmed').touch()")
    assert not Path("harmed").exists()


@pytest.mark.parametrize(("name", "ours", "theirs"), [
    ("LihgtGCN", "GraphCLLightGCN", "LightGCN"), ("bpr", "BPRMF", "BPR"), ("LightGLC", "LightGCL", "LightGCN"),
    ("SASRek", "GraphCLSASRec", "SASRec"), ("lightgcn", "GraphCLLightGCN", "LightGCN"),
])  # fmt: skip
def test_a_misspelt_model_is_told_the_nearest_of_both_zoos(name: str, ours: str, theirs: str) -> None:
    from recbole.utils import get_model

    with pytest.raises(UserError, match=f"no model '{name}'; nearest: '{ours}' of graphcl, '{theirs}' of RecBole"):
        get_model(name)


@pytest.mark.parametrize(("name", "said"), [
    ("mclrec_code", "nearest: 'MCLRecCode' of graphcl$"), ("DT4IER", "cannot be had in RecBole: it is told returns"),
    ("zzzz", "ours: BPRMF, .*GraphCLLightGCN"), ("../x", "no model"), ("", "no model ''"),
])  # fmt: skip
def test_a_name_of_no_model_is_answered(name: str, said: str) -> None:
    from recbole.utils import get_model

    with pytest.raises(UserError, match=said):
        get_model(name)


def test_a_model_whose_package_is_missing_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UserError, match=r"RecBole's lightgbm cannot be imported: .*lightgbm"):
        run("lightgbm")


def test_numpy_names_are_those_of_recbole() -> None:
    assert vars(np)["float_"] is np.float64


def test_kgat_takes_the_mean_over_the_neighbours_of_each_relation() -> None:
    dgl = pytest.importorskip("dgl", reason="DGL is not installed: pip install 'graphcl[dgl]'")
    from recbole.model.knowledge_aware_recommender.kgat import KGAT

    ckg = dgl.graph((torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([1, 2, 2, 0, 0, 1])), num_nodes=3)
    ckg.edata["relation_id"] = torch.tensor([1, 1, 2, 1, 0, 2])  # 0 is padding
    model = SimpleNamespace(ckg=ckg, n_relations=3, matrix_size=torch.Size([3, 3]), device="cpu")
    matrix = KGAT.init_graph(model).to_dense()
    assert torch.equal(matrix, torch.tensor([[0, 0.5, 1.5], [1, 0, 0], [0, 1, 0]]))


def test_a_models_own_layers_are_not_stored_beside_its_weights() -> None:
    from recbole.model.abstract_recommender import AbstractRecommender

    model = SimpleNamespace(other_parameter_name=["layer", "table"], layer=torch.nn.Linear(1, 1), table=[3])
    assert AbstractRecommender.other_parameter(model) == {"table": [3]}
    assert AbstractRecommender.other_parameter(SimpleNamespace()) == {}


def test_what_stands_in_for_torch_scatter_gives_the_mean_of_each_head_and_is_gone_afterwards() -> None:
    from recbole.model.knowledge_aware_recommender.kgin import Aggregator

    entities, relations = torch.eye(3), torch.tensor([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    edges, kinds = torch.tensor([[0, 0, 2], [1, 2, 0]]), torch.tensor([0, 1, 0])
    ones, seen = torch.ones(1, 3), torch.eye(1, 3).to_sparse()
    found, _ = Aggregator().forward(entities, ones, ones, relations, edges, kinds, seen, torch.zeros(1, 2))
    assert found.tolist() == [[0.0, 0.5, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    assert "torch_scatter" not in sys.modules or hasattr(sys.modules["torch_scatter"], "__version__")
