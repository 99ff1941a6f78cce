"""Augmenters: graph -> graph, operator -> operator, latent -> latent. Each a plain function and a module.

>>> import torch
>>> from torch_geometric.data import Data
>>> from graphcl.augment import DropEdges, drop_edges
>>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
>>> drop_edges(path, 1.0, generator=torch.Generator().manual_seed(0)).num_edges
0
>>> DropEdges(p=0.0)(path, generator=torch.Generator().manual_seed(0)).edge_index.tolist()
[[0, 1, 1, 2], [1, 0, 2, 1]]
"""

from __future__ import annotations

from graphcl.augment.chains import (
    AppendMask,
    CropChain,
    MaskItems,
    ReorderChain,
    append_mask,
    crop_chain,
    mask_items,
    reorder_chain,
)
from graphcl.augment.choice import OneOf
from graphcl.augment.code_forms import ChangeForms, change_forms
from graphcl.augment.code_insert import InsertStatements, insert_statements
from graphcl.augment.code_trees import DropSubtrees, SwapStatements, drop_subtrees, swap_statements
from graphcl.augment.code_words import HideWords, RenameNames, hide_words, rename_names
from graphcl.augment.crop_time import CropTime, crop_time
from graphcl.augment.diffusion import PPR, Heat, Markov, diffuse, heat, markov, ppr
from graphcl.augment.drop_edges import DropEdges, drop_edges
from graphcl.augment.drop_nodes import DropNodes, drop_nodes
from graphcl.augment.edit_edges import edit_edges
from graphcl.augment.features import (
    DropFeatures,
    MaskFeatures,
    ShuffleFeatures,
    drop_features,
    mask_features,
    shuffle_features,
)
from graphcl.augment.images import (
    BlurImages,
    CropImages,
    FlipImages,
    GreyImages,
    JitterImages,
    blur_images,
    crop_images,
    flip_images,
    grey_images,
    jitter_images,
)
from graphcl.augment.item_similarity import (
    InsertItems,
    SubstituteItems,
    insert_items,
    similar_items,
    substitute_items,
)
from graphcl.augment.mask_blocks import MaskBand, MaskBlocks, mask_band, mask_blocks
from graphcl.augment.mask_nodes import MaskNodes, mask_nodes
from graphcl.augment.new_edges import AddEdges, PerturbEdges, add_edges, perturb_edges
from graphcl.augment.operator import (
    DropoutEntries,
    LowRank,
    PropagationNoise,
    RandomLowRank,
    dropout_entries,
    low_rank,
    propagation_noise,
    random_low_rank,
)
from graphcl.augment.permute_segments import PermuteSegments, permute_segments
from graphcl.augment.points import RotatePoints, rotate_points
from graphcl.augment.random_walk import RandomWalkSubgraph, random_walk_subgraph
from graphcl.augment.returns import AskReturns, PerturbReturns, ask_returns, perturb_returns
from graphcl.augment.similar import KnnGraph, SvdGraph, knn_graph, svd_graph
from graphcl.augment.take_devices import TakeDevices, take_devices
from graphcl.augment.transform import Transform
from graphcl.augment.values import JitterValues, ScaleValues, jitter_values, scale_values
from graphcl.augment.warp import ShiftBands, ShiftValues, StretchTime, shift_bands, shift_values, stretch_time

__all__ = [
    "PPR",
    "AddEdges",
    "AppendMask",
    "AskReturns",
    "BlurImages",
    "ChangeForms",
    "CropChain",
    "CropImages",
    "CropTime",
    "DropEdges",
    "DropFeatures",
    "DropNodes",
    "DropSubtrees",
    "DropoutEntries",
    "FlipImages",
    "GreyImages",
    "Heat",
    "HideWords",
    "InsertItems",
    "InsertStatements",
    "JitterImages",
    "JitterValues",
    "KnnGraph",
    "LowRank",
    "Markov",
    "MaskBand",
    "MaskBlocks",
    "MaskFeatures",
    "MaskItems",
    "MaskNodes",
    "OneOf",
    "PermuteSegments",
    "PerturbEdges",
    "PerturbReturns",
    "PropagationNoise",
    "RandomLowRank",
    "RandomWalkSubgraph",
    "RenameNames",
    "ReorderChain",
    "RotatePoints",
    "ScaleValues",
    "ShiftBands",
    "ShiftValues",
    "ShuffleFeatures",
    "StretchTime",
    "SubstituteItems",
    "SvdGraph",
    "SwapStatements",
    "TakeDevices",
    "Transform",
    "add_edges",
    "append_mask",
    "ask_returns",
    "blur_images",
    "change_forms",
    "crop_chain",
    "crop_images",
    "crop_time",
    "diffuse",
    "drop_edges",
    "drop_features",
    "drop_nodes",
    "drop_subtrees",
    "dropout_entries",
    "edit_edges",
    "flip_images",
    "grey_images",
    "heat",
    "hide_words",
    "insert_items",
    "insert_statements",
    "jitter_images",
    "jitter_values",
    "knn_graph",
    "low_rank",
    "markov",
    "mask_band",
    "mask_blocks",
    "mask_features",
    "mask_items",
    "mask_nodes",
    "permute_segments",
    "perturb_edges",
    "perturb_returns",
    "ppr",
    "propagation_noise",
    "random_low_rank",
    "random_walk_subgraph",
    "rename_names",
    "reorder_chain",
    "rotate_points",
    "scale_values",
    "shift_bands",
    "shift_values",
    "shuffle_features",
    "similar_items",
    "stretch_time",
    "substitute_items",
    "svd_graph",
    "swap_statements",
    "take_devices",
]
