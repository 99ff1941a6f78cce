"""What our recommenders are called in RecBole."""

from __future__ import annotations

from graphcl.core.errors import nearest

#: Before a name that RecBole has a model of its own for; every model of ours can also be had by it.
PREFIX = "GraphCL"

#: Recipe -> name, without the prefix.
NAMES = {
    "bpr_mf": "BPRMF",
    "lightgcn": "LightGCN",
    "sgl": "SGL",
    "simgcl": "SimGCL",
    "xsimgcl": "XSimGCL",
    "ncl": "NCL",
    "directau": "DirectAU",
    "lightgcl": "LightGCL",
    "lightgcl_paper": "LightGCLPaper",
    "sasrec": "SASRec",
    "sasrec_bce": "SASRecBCE",
    "sasrec_sampled": "SASRecSampled",
    "gsasrec": "gSASRec",
    "gru4rec": "GRU4Rec",
    "bert4rec": "BERT4Rec",
    "cl4srec": "CL4SRec",
    "duorec": "DuoRec",
    "coserec": "CoSeRec",
    "iclrec": "ICLRec",
    "mclrec": "MCLRec",
    "mclrec_code": "MCLRecCode",
    "mclrec_second_order": "MCLRecSecondOrder",
}
#: Recipes without a name there -> why.
LEFT_OUT = {"dt4ier": "it is told returns, which RecBole's loaders do not carry; graphcl train dt4ier"}
#: Names that RecBole 1.2.1 has models of its own for.
TAKEN = frozenset({"LightGCN", "SGL", "NCL", "SASRec", "GRU4Rec", "BERT4Rec"})
#: Name in RecBole, with and without the prefix -> recipe.
RECIPES = {name: recipe for recipe, name in NAMES.items()} | {PREFIX + name: recipe for recipe, name in NAMES.items()}


def reason_left_out(name: str) -> str | None:
    """What to say of a recipe of ours that has no name in RecBole; None of any other name."""
    recipe = name.removeprefix(PREFIX).lower()
    return f"{name} cannot be had in RecBole: {LEFT_OUT[recipe]}" if recipe in LEFT_OUT else None


def nearest_of_ours(name: str) -> str | None:
    """Our model's name in RecBole that a misspelt one is close to, whatever its case; a recipe's name is one too."""
    plain = {own.lower(): own for own in NAMES.values()} | {recipe: own for recipe, own in NAMES.items()}
    close = nearest(name.lower().removeprefix(PREFIX.lower()), plain)
    if close is None:
        return None
    return PREFIX + plain[close] if plain[close] in TAKEN else plain[close]
