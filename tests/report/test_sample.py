"""What a picture of a graph shows."""

from pathlib import Path

import torch
from torch_geometric.data import Batch, Data

from graphcl.data.roi_sets.roi_set import RoiSetData
from graphcl.graph.frames import say_frames
from graphcl.report.sample import draw_sample


def test_as_many_joints_as_coordinates_are_no_connectivity(tmp_path: Path) -> None:
    scan = RoiSetData().load(seed=0).packed.batch(torch.arange(1))
    assert "correlations" in draw_sample(tmp_path / "scan.png", scan, "a scan", [])
    edges = torch.tensor([[0, 1], [1, 2]])
    moving = Batch.from_data_list([Data(x=torch.arange(18.0).view(6, 3), edge_index=edges, num_nodes=6)])
    assert "correlations" not in draw_sample(tmp_path / "joints.png", say_frames(moving, 3), "three joints", [])
