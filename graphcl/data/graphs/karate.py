"""Zachary's karate club: the offline default.

Source: Zachary, "An Information Flow Model for Conflict and Fission in Small Groups", J. Anthropological Research 1977,
as it ships with networkx.
"""

from __future__ import annotations

import networkx as nx
import torch

from graphcl.data.graphs.raw import RawGraph

CLUBS = ("Mr. Hi", "Officer")


def read_karate() -> RawGraph:
    """34 members, 78 ties; the class is the club a member joined after the split. No features."""
    club = nx.karate_club_graph()
    return RawGraph(
        edge_index=torch.tensor(list(club.edges()), dtype=torch.long).t().contiguous(),
        num_nodes=club.number_of_nodes(),
        y=torch.tensor([CLUBS.index(name) for _, name in club.nodes(data="club")]),
        class_names=list(CLUBS),
        source="karate club (networkx)",
    )
