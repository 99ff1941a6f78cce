"""Names that a recipe may give its views, towers, heads, latents and states."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphcl.core.address import NAME
from graphcl.core.config.levels import GROUPS, LEVELS
from graphcl.core.config.tree import PART_MAPPINGS, Tree
from graphcl.core.config.values import Problem

#: Attributes of ``torch.nn.ModuleDict``, which holds the parts by name and refuses these.
OF_MODULES = frozenset(
    [
        "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "clear",
        "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer",
        "get_extra_state", "get_parameter", "get_submodule", "half", "ipu", "items", "keys", "load_state_dict",
        "modules", "mtia", "named_buffers", "named_children", "named_modules", "named_parameters", "parameters",
        "pop", "register_backward_hook", "register_buffer", "register_forward_hook", "register_forward_pre_hook",
        "register_full_backward_hook", "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook", "register_module", "register_parameter",
        "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_", "set_extra_state",
        "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train", "training", "type", "update",
        "values", "xpu", "zero_grad",
    ]
)


def check_names(tree: Tree) -> Iterator[Problem]:
    """Names that no address can say, or that are taken."""
    for group in ("views", *PART_MAPPINGS):
        names = tree.get(group)
        for name in names if isinstance(names, dict) else ():
            problem = _problem(group, str(name))
            if problem:
                yield f"{group}.{name}", f"'{group}.{name}': {problem}"


def _problem(group: str, name: str) -> str:
    """What is wrong with a name, or ""."""
    if not re.fullmatch(NAME, name) or name.startswith("_"):
        return f"{name!r} cannot be a name here; letters, digits and _ after a letter can"
    if group in GROUPS and name in LEVELS:
        return f"{name!r} is what a tower gives; call it otherwise"
    if group in PART_MAPPINGS and name in OF_MODULES:
        return f"the name {name!r} is taken by torch's modules; call it otherwise, {name}_{PART_MAPPINGS[group]} say"
    return ""
