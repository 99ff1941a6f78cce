"""What our recommenders are called in RecBole."""

from __future__ import annotations

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
#: Recipes without a name there: dt4ier is told returns, which RecBole's loaders do not carry.
LEFT_OUT = frozenset({"dt4ier"})
#: Names that RecBole 1.2.1 has models of its own for.
TAKEN = frozenset({"LightGCN", "SGL", "NCL", "SASRec", "GRU4Rec", "BERT4Rec"})
#: Name in RecBole, with and without the prefix -> recipe.
RECIPES = {name: recipe for recipe, name in NAMES.items()} | {PREFIX + name: recipe for recipe, name in NAMES.items()}
