"""The augmenter of GAugLLM that removes and adds links where texts and structure disagree.

Source: Fang, Fan, Zha, Tan, "GAugLLM: Improving Graph Contrastive Learning for Text-Attributed Graphs with Large
Language Models", KDD 2024. What the authors' code means to do is done here: it loses the approved additions, takes the
same first candidates at every step, edits one direction, counts self-loops as neighbours and adds edges twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphcl.augment.edge_edits import Edit, EditPlan, Proposals, apply_edit
from graphcl.augment.prompt_experts import text_data
from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, Probability, UserPath
from graphcl.core.registry import register
from graphcl.data.edge_answers import EdgeAnswers, answers_digest
from graphcl.data.edge_candidates import candidates, held_out
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.link_agreement import agreement, all_key_phrases, validated_threshold
from graphcl.encode.base import Graph
from graphcl.graph.link_candidates import pair_numbers, undirected_pairs

#: How the column of a table is headed where edits were decided so.
HEADINGS = {"offline": "offline-confirmed", "answers": "LLM-confirmed", "embedding": "embedding-only",
            "random": "random edit"}


@register(
    "augmenter", "edge_modifier", example={"least": 1, "p_add": 1.0}, level="graph", stochastic=True, edges="any",
    needs="text",
)
class EdgeModifier(nn.Module):
    """Removes and adds links where texts and structure disagree, drawn anew at each step (Fang et al., KDD 2024).

    Candidates for removal are a node's least similar neighbours, for addition the most similar nodes that it is not
    linked to, by the cosine of its text's embedding. Each is approved or not: by a language model that was asked
    (`graphcl augment --edges`), or offline, where the key phrases of both texts have enough in common. In each step a
    node draws some of its candidates. Links that are held out are neither candidates nor added.
    """

    #: Candidates are of the task's graph, whatever augmenters come before.
    prepares_task = True

    def __init__(
        self,
        decide: Literal["offline", "answers", "embedding", "random"] = "offline",
        views: UserPath = "",
        k: Count = 10,
        p_drop: Probability = 0.5,
        p_add: Probability = 0.5,
        least: Index = 5,
        undrawn: Literal["drop", "keep"] = "drop",
        *,
        graph: Graph,
        task: Any = None,
    ) -> None:
        """
        Args:
            decide: Who approves: offline, the agreement of key phrases; answers, a language model, kept in `views`.
                Controls with as many removals and additions in each step: embedding takes any candidates, random any
                links and any pairs without one.
            views: Folder of `graphcl augment --edges --out`; of the controls, whose size they have (empty: offline's).
            k: Candidates of a node of either kind.
            p_drop: Candidates for removal that a node draws, as a share of its links, at most 10.
            p_add: Candidates for addition that it draws, as a share of its links, at most 10.
            least: A node with fewer neighbours has no candidates for removal.
            undrawn: What becomes of candidates for removal that nobody drew: drop, as in the paper's code, or keep.
            graph: Whose texts and links are read (supplied).
            task: Gives the data that the graph is of (supplied).

        Raises:
            UserError: no texts, pieces of a graph, or no folder of answers.
        """
        super().__init__()
        if decide == "answers" and not views:
            raise UserError("edge_modifier: decide=answers needs views, a folder of graphcl augment --edges --out")
        self.data, self.decide, self.folder = text_data(graph, task), decide, Path(views) if views else None
        self.k, self.p_drop, self.p_add, self.least, self.undrawn = k, p_drop, p_add, least, undrawn
        self._told: dict[str, Any] = {"decided_by": HEADINGS[decide]}

    def prepare(self, graph: Graph) -> EditPlan:
        """Candidates, and what is decided of each."""
        plan, told = confirmed(self.data, self.k, self.least, self.folder)
        self._told.update(told if self.decide in ("offline", "answers") else {"size_of": told})
        return plan

    def forward(self, graph: Graph, *, generator: torch.Generator, prepared: EditPlan | None = None) -> Graph:
        """The edited graph; ``prepared`` is of the graph it was made for unless given.

        Raises:
            UserError: a graph of other nodes.
        """
        plan = self.prepare(graph) if prepared is None else prepared
        if graph.num_nodes != plan.num_nodes:
            raise UserError(
                f"edge_modifier: candidates are of {plan.num_nodes:,} nodes and the graph has {graph.num_nodes:,}"
            )
        return apply_edit(graph, self._edit(plan, generator), generator=generator)

    def _edit(self, plan: EditPlan, generator: torch.Generator) -> Edit:
        edit = plan.draw(self.p_drop, self.p_add, keep_undrawn=self.undrawn == "keep", generator=generator)
        if self.decide == "embedding":
            return plan.unconfirmed(edit, generator=generator)
        return plan.anywhere(edit, generator=generator) if self.decide == "random" else edit

    def made_of(self) -> str:
        """Digest of the answers that are read; "" where nobody was asked."""
        return "" if self.folder is None else answers_digest(self.folder)

    def describe(self) -> dict[str, Any]:
        """Who decided, by what threshold, and of how many candidates, for the record of a run."""
        sized = self._told.get("size_of", self._told)
        counts = [
            f"{what} {sized[key]['approved']:,} of {sized[key]['pairs']:,}"
            for what in ("removal", "addition") if (key := f"candidates_for_{what}") in sized
        ]
        of_size = "of the size of confirmed edits: " if "size_of" in self._told else "approved for "
        model = f" by {self._told['model']}" if "model" in self._told else ""
        line = f"{self._told['decided_by']}{model}" + (f", {of_size}{', for '.join(counts)}" if counts else "")
        return {"told": line, **self._told}


def confirmed(data: NodeGraph, k: int, least: int, folder: Path | None) -> tuple[EditPlan, dict[str, Any]]:
    """The plan of a graph's edits, decided offline or by the answers in a folder; and what is to be told of it."""
    graph, count = data.graph, int(data.graph.num_nodes or 0)
    pairs, never = undirected_pairs(graph.edge_index, count), held_out(data)
    links, out = pair_numbers(pairs, count), pair_numbers(never, count).unique()
    degree = torch.bincount(pairs.flatten(), minlength=count)
    if folder is None:
        drop, add, told = _decided_offline(data, candidates(data, k, least))
    else:
        drop, add, told = _answered(data, EdgeAnswers.load(folder, graph), links, out, degree < least)
    for name, proposals in (("removal", drop), ("addition", add)):
        asked, approved = proposals.pair.unique(), proposals.pair[proposals.approved].unique()
        told[f"candidates_for_{name}"] = {"pairs": len(asked), "approved": len(approved)}
    return EditPlan(count, drop, add, degree, links, out), told


def _decided_offline(
    data: NodeGraph, tables: tuple[Tensor, Tensor]
) -> tuple[Proposals, Proposals, dict[str, Any]]:
    phrases = all_key_phrases(data.graph.text)
    # Of the data, not of the run: runs with other seeds have the same plan.
    threshold = validated_threshold(data, phrases, generator=torch.Generator().manual_seed(0))

    def decided(table: Tensor) -> Proposals:
        owner, place = (table >= 0).nonzero().unbind(1)
        pairs = torch.stack([owner, table[owner, place]])
        return Proposals.of(owner, pair_numbers(pairs, len(table)), agreement(phrases, pairs) >= threshold.value)

    approves = {"links": threshold.links, "pairs_without_one": threshold.non_links}
    told = {"threshold": threshold.value, "threshold_approves": approves, "threshold_chosen_on": threshold.chosen_on}
    return decided(tables[0]), decided(tables[1]), told


def _answered(
    data: NodeGraph, answers: EdgeAnswers, links: Tensor, never: Tensor, few: Tensor
) -> tuple[Proposals, Proposals, dict[str, Any]]:
    """A pair that was asked about from both sides changes only where both answers say so."""
    count = int(data.graph.num_nodes or 0)
    pair = pair_numbers(torch.stack([answers.node, answers.other]), count)
    linked = torch.isin(pair, links)
    drop = linked & ~few.index_select(0, answers.node)
    add = ~linked & ~torch.isin(pair, never)
    yes, no = pair[answers.approved].unique(), pair[~answers.approved].unique()
    kept = ("backend", "model", "prompt", "unanswered")
    return (
        Proposals.of(answers.node[drop], pair[drop], torch.isin(pair[drop], yes)),
        Proposals.of(answers.node[add], pair[add], ~torch.isin(pair[add], no)),
        {key: answers.about[key] for key in kept if key in answers.about},
    )
