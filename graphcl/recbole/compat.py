"""What RecBole 1.2.1 needs to run with current packages: a table of shims, applied on ``import graphcl.recbole``.

``undo()`` puts every name back. A shim says why it is there and for which versions.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch

from graphcl.core.errors import UserError
from graphcl.recbole import frames, zoo
from graphcl.recbole.patches import Over, Patches, importable


@dataclass(frozen=True)
class Shim:
    """One repair.

    Attributes:
        name: What it is about.
        reason: What happens without it.
        versions: Which versions need it.
        apply: Replaces names.
    """

    name: str
    reason: str
    versions: str
    apply: Callable[[Patches], None]


def _ray(patches: Patches) -> None:
    """A stand-in for ``ray.tune``, of which RecBole uses ``report``, inside ray's own workers alone."""
    if "ray" in sys.modules or "recbole.quick_start" in sys.modules:
        return
    ray, tune = ModuleType("ray"), ModuleType("ray.tune")
    vars(tune)["report"] = lambda **metrics: None
    vars(ray)["tune"] = tune
    with importable({"ray": ray, "ray.tune": tune}):  # and not for good: a program that wants ray gets ray
        importlib.import_module("recbole.quick_start")


def _numpy(patches: Patches) -> None:
    removed = {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_}
    for name, value in removed.items():
        if not hasattr(np, name):
            patches.set(np, name, value)
    # Config() itself sets these, for good; here they are noted down.
    aliases = {"bool": np.bool_, "int": np.int_, "float": np.float64, "complex": np.complex128, "object": np.object_,
               "str": np.str_, "long": np.int_, "unicode": np.str_}  # fmt: skip
    for name, value in aliases.items():
        patches.set(np, name, value)


def _scipy(patches: Patches) -> None:
    from scipy.sparse import dok_matrix

    if not hasattr(dok_matrix, "_update"):
        patches.set(dok_matrix, "_update", lambda self, entries: self._dict.update(entries))


def _torch_load(patches: Patches) -> None:
    from recbole import quick_start

    from graphcl.recbole.checkpoints import load, loading

    patches.set(importlib.import_module("recbole.trainer.trainer"), "torch", Over(torch, load=load))
    inside = sys.modules["recbole.quick_start.quick_start"]
    loads = loading(inside.load_data_and_model)
    for module in (inside, quick_start):
        patches.set(module, "load_data_and_model", loads)


def _other_parameter(patches: Patches) -> None:
    """What a model stores beside its weights, less its own layers: their weights are there already."""
    from recbole.model.abstract_recommender import AbstractRecommender

    found = AbstractRecommender.other_parameter

    def other_parameter(self: Any) -> dict[str, Any] | None:
        held = found(self)
        return held and {key: value for key, value in held.items() if not isinstance(value, torch.nn.Module)}

    patches.set(AbstractRecommender, "other_parameter", other_parameter)


def _collector(patches: Patches) -> None:
    """Counts of items and users are plain numbers and counters, and have no device to be moved from."""
    from recbole.evaluator.collector import Collector

    move = Collector.get_data_struct

    def get_data_struct(self: Any) -> Any:
        held = self.data_struct._data_dict
        plain = {name: value for name, value in held.items() if not isinstance(value, torch.Tensor)}
        for name in plain:
            del held[name]
        moved = move(self)
        held.update(plain)
        moved._data_dict.update(plain)
        return moved

    patches.set(Collector, "get_data_struct", get_data_struct)


def _faiss(patches: Patches) -> None:
    """RecBole's NCL asks faiss for a GPU."""
    if find_spec("faiss") is not None and torch.cuda.is_available():
        return
    from recbole.model.general_recommender.ncl import NCL

    from graphcl.objective.states.kmeans import cluster

    def run_kmeans(self: Any, x: Any) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        centroids, of_row = cluster(torch.from_numpy(x), self.k, generator=generator)
        return torch.nn.functional.normalize(centroids, dim=1).to(self.device), of_row.to(self.device)

    patches.set(NCL, "run_kmeans", run_kmeans)


def _scatter(patches: Patches) -> None:
    """A stand-in for ``torch_scatter``, of which RecBole uses two functions, by those of torch_geometric."""
    if find_spec("torch_scatter") is not None:
        return
    from torch_geometric.utils import scatter, softmax

    def scatter_mean(src: Any, index: Any, dim: int = -1, dim_size: int | None = None) -> torch.Tensor:
        return scatter(src, index, dim=dim, dim_size=dim_size, reduce="mean")

    def scatter_softmax(src: Any, index: Any, dim: int = -1) -> torch.Tensor:
        return softmax(src, index, dim=dim)

    module = ModuleType("torch_scatter")
    vars(module).update(scatter_mean=scatter_mean, scatter_softmax=scatter_softmax)
    for name in ("kgin", "mcclk"):  # which import it at each step
        layer = importlib.import_module(f"recbole.model.knowledge_aware_recommender.{name}").Aggregator
        patches.set(layer, "forward", importable({"torch_scatter": module})(layer.forward))


def _kgat(patches: Patches) -> None:
    """KGAT's graph, the mean over the neighbours of each relation, without the arguments that DGL has dropped."""
    from recbole.model.knowledge_aware_recommender.kgat import KGAT

    def init_graph(self: Any) -> torch.Tensor:
        relation, (source, target) = self.ckg.edata["relation_id"], self.ckg.edges()
        known = (relation > 0) & (relation < self.n_relations)  # 0 is padding
        relation, source, target = relation[known], source[known], target[known]
        alike = source * self.n_relations + relation
        weights = 1.0 / torch.bincount(alike)[alike]
        entries = torch.stack([source, target]), weights
        matrix = torch.sparse_coo_tensor(*entries, self.matrix_size, check_invariants=False)
        return matrix.coalesce().to(self.device)

    patches.set(KGAT, "init_graph", init_graph)


#: Models that read a checkpoint of another one, through the name ``torch`` of their module.
_PRETRAINED = {"NeuMF", "NAIS", "ConvNCF", "RaCT", "S3Rec", "KD_DAGFM"}


def _get_model(patches: Patches) -> None:
    from recbole import utils

    from graphcl.recbole.checkpoints import load

    find = utils.get_model

    @wraps(find)
    def get_model(model_name: str) -> type:
        try:
            found = find(model_name)
        except (ValueError, AttributeError, ModuleNotFoundError) as error:
            if model_name in zoo.recbole_names():
                raise UserError(f"RecBole's {model_name} cannot be imported: {error}") from error
            raise UserError(zoo.unknown(model_name)) from error
        module = sys.modules[found.__module__]
        if model_name in _PRETRAINED and not isinstance(module.torch, Over):
            patches.set(module, "torch", Over(torch, load=load))
        return found

    for name in ("recbole.utils", "recbole.utils.utils", "recbole.config.configurator",
                 "recbole.quick_start.quick_start"):  # fmt: skip
        patches.set(importlib.import_module(name), "get_model", get_model)


def _eval(patches: Patches) -> None:
    from recbole.config import Config
    from recbole.trainer import HyperTuning

    from graphcl.recbole.literals import read_plain, refuse_computed

    convert, load = Config._convert_config_dict, Config._load_config_files

    def load_config_files(self: Any, file_list: list[str] | None) -> dict[str, Any]:
        for file in file_list or ():
            refuse_computed(read_plain(file), file)
        return load(self, file_list)

    def convert_config_dict(self: Any, config_dict: dict[str, Any]) -> dict[str, Any]:
        refuse_computed(config_dict, "settings")
        return convert(self, config_dict)

    build = vars(HyperTuning)["_build_space_from_file"].__func__

    def build_space(file: str) -> Any:
        with open(file, encoding="utf-8") as lines:
            rows = [line.split(maxsplit=2) for line in lines]
        refuse_computed({row[0]: row[2].strip() for row in rows if len(row) == 3 and row[1] == "choice"}, file)
        return build(file)

    patches.set(Config, "_load_config_files", load_config_files)
    patches.set(Config, "_convert_config_dict", convert_config_dict)
    patches.set(HyperTuning, "_build_space_from_file", staticmethod(build_space))


def _hyperopt(patches: Patches) -> None:
    module = importlib.import_module("recbole.trainer.hyper_tuning")
    random = Over(np.random, RandomState=np.random.default_rng)
    patches.set(module, "np", Over(np, random=random))


SHIMS = (
    Shim("ray", "import of recbole.quick_start ends in 'No module named pkg_resources' or in np.bool8",
         "ray <= 2.6.3 with setuptools >= 82, or with numpy >= 2", _ray),
    Shim("numpy names", "Config() ends in 'np.float_ was removed'", "numpy >= 2", _numpy),
    Shim("dok_matrix._update", "LightGCN, NGCF, NCL, GCMC, SpectralCF, KGIN, MCCLK cannot build their graph",
         "scipy without the private method (seen: 1.17)", _scipy),
    Shim("fillna in place", "missing values stay missing, without a word", "pandas >= 3", frames.fill_missing),
    Shim("agg(len)", "a data set with columns of lists (token_seq) ends in 'Length of values (1) does not match'; a "
         "benchmark file's histories are all taken for equally long", "pandas >= 3", frames.count_in_rows),
    Shim("columns as tensors", "a warning about arrays that are not writable", "pandas >= 3", frames.copy_columns),
    Shim("torch.load", "no checkpoint can be read back; an older torch runs whatever is in it",
         "torch >= 2.6, and for safety all", _torch_load),
    Shim("other_parameter", "checkpoints of FDSA and GRU4RecF hold a layer that holds the whole data set, which cannot "
         "be read back without running what is in it", "recbole 1.2.1", _other_parameter),
    Shim("collector", "ItemCoverage, AveragePopularity, ShannonEntropy, GiniIndex and TailPercentage end in \"'int' "
         "object has no attribute 'cpu'\"", "recbole 1.2.1", _collector),
    Shim("faiss", "NCL needs a GPU for its clusters", "where faiss or a GPU is missing", _faiss),
    Shim("torch_scatter", "KGIN and MCCLK need a package that is compiled for each torch",
         "where it is missing", _scatter),
    Shim("KGAT's graph", "\"edge_subgraph() got an unexpected keyword argument 'preserve_nodes'\"", "dgl >= 1", _kgat),
    Shim("get_model", "an unknown name ends in 'No module named lightgbm'; a wrong case in an AttributeError",
         "recbole 1.2.1", _get_model),
    Shim("eval", "a string among the settings is run as Python", "recbole 1.2.1", _eval),
    Shim("hyperopt", "HyperTuning's exhaustive search ends in \"no attribute 'integers'\"", "hyperopt >= 0.2.7",
         _hyperopt),
    Shim("models of graphcl", "RecBole finds models, their settings and trainers in its own folders alone",
         "recbole 1.2.1", zoo.register),
)  # fmt: skip
_patches = Patches()
_applied = False


def apply() -> None:
    """Apply all shims; a second call does nothing."""
    global _applied
    if _applied:
        return
    _applied = True
    try:
        for shim in SHIMS:
            shim.apply(_patches)
    except BaseException:
        undo()
        raise


def undo() -> None:
    """Put back every name that was replaced."""
    global _applied
    _patches.undo()
    _applied = False
