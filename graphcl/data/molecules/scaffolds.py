"""The scaffold split: molecules of one scaffold are in one part, so that what is tested is built otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.splits import NodeSplit

#: Of train, and of train and validation together.
SHARES = (0.8, 0.9)


def scaffold_split(scaffolds: Sequence[str], where: str) -> NodeSplit:
    """80/10/10, the largest scaffolds first (Wu et al., Chemical Science 2018): nothing is drawn.

    A scaffold goes to the first part that has room for all of it; of equally large ones the later in the file comes
    first. Molecules without a ring are one scaffold.

    Args:
        scaffolds: Of each molecule.
        where: The data, for the message.

    Raises:
        UserError: a part would be empty.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for number, scaffold in enumerate(scaffolds):
        members[scaffold].append(number)
    train, valid, test = list[int](), list[int](), list[int]()
    most_train, most_both = (share * len(scaffolds) for share in SHARES)
    for group in sorted(members.values(), key=lambda group: (len(group), group[0]), reverse=True):
        if len(train) + len(group) <= most_train:
            train += group
        elif len(train) + len(valid) + len(group) <= most_both:
            valid += group
        else:
            test += group
    if not (train and valid and test):
        raise UserError(
            f"data.split: the {len(members)} scaffolds of {where} leave a part empty; set data.split=folds"
        )
    return NodeSplit(*(torch.tensor(sorted(part)) for part in (train, valid, test)))
