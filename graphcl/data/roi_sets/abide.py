"""ABIDE I as its preprocessed files lie on the public server: a table, and a file a scan."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from graphcl.core.errors import UserError, suggestion
from graphcl.core.paths import cache_dir, data_root
from graphcl.core.words import counted
from graphcl.data.download import DownloadError, fetch
from graphcl.data.roi_sets.phenotype import NO_SCAN, read_phenotypes

ABIDE = "abide"
Strategy = Literal["filt_global", "filt_noglobal", "nofilt_global", "nofilt_noglobal"]
ATLASES = ("cc200", "cc400", "aal", "ho", "ez", "tt", "dosenbach160")
SERVER = "https://s3.amazonaws.com/fcp-indi/data/Projects/ABIDE_Initiative"
TABLE = "Phenotypic_V1_0b_preprocessed1.csv"
LICENCE = "licence of abide: CC BY-NC-SA 3.0, as the project states it (fcon_1000.projects.nitrc.org/indi/abide)"


def fetch_abide(
    sites: list[str], strategy: Strategy, atlas: str, root: Path | None = None, server: str = SERVER
) -> tuple[Path, list[str]]:
    """The folder that holds the series of these sites, as the C-PAC pipeline made them, and their table.

    ``ROOT/abide`` where there is one with files; else the cache, to which what is missing of it is downloaded.

    Args:
        sites: As the table calls them; none takes all.
        strategy: See the pipeline: band-pass filter, and global signal regression.
        atlas: One of :data:`ATLASES`.
        root: Of the data sets of the user.
        server: Where it is downloaded from.

    Returns:
        The folder, and what is to be said.

    Raises:
        UserError: an atlas or site that there is none of, or a download failed.
    """
    if atlas not in ATLASES:
        raise UserError(f"data.atlas: {atlas!r}{suggestion(atlas, ATLASES)}")
    given = data_root(root)
    if given is not None and (given / ABIDE).is_dir():
        return given / ABIDE, [f"data found in {given / ABIDE}: all of its files are read"]
    base = cache_dir() / "datasets" / ABIDE
    chosen = "+".join(sorted(sites)) or "all"
    folder, notes = base / f"{atlas}-{strategy}-{chosen}", [LICENCE]
    try:
        note = fetch(f"{server}/{TABLE}", base / TABLE)
        files = _files(base / TABLE, sites)
        if not (folder / TABLE).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / TABLE).write_bytes((base / TABLE).read_bytes())
        fetched = sum(
            bool(fetch(f"{server}/Outputs/cpac/{strategy}/rois_{atlas}/{name}", folder / name))
            for name in (f"{one}_rois_{atlas}.1D" for one in files)
        )
    except DownloadError as error:
        raise UserError(
            f"{error} The next try goes on there. Or put the .1D files and {TABLE} into FOLDER/{ABIDE} and give "
            "--data-root FOLDER"
        ) from error
    notes += [note] * bool(note)
    notes += [f"downloaded {counted(fetched, 'scan')} of {len(files):,} to {folder}, each pinned"] * bool(fetched)
    return folder, notes


def _files(table: Path, sites: list[str]) -> list[str]:
    """The ids of the scans that were preprocessed, of these sites."""
    found = read_phenotypes(table)
    known = sorted({site for site in found.groups.values() if site})
    unknown = [site for site in sites if site not in known]
    if unknown:
        raise UserError(f"data.sites: {unknown[0]!r}{suggestion(unknown[0], known)}")
    ids = [one for one, site in found.groups.items() if not sites or site in sites]
    return sorted(one for one in ids if one not in NO_SCAN)
