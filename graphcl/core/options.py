"""Types of the options that parts take: the schema of a part is its constructor's signature.

Positional-or-keyword parameters of a part's constructor are its options. Keyword-only
parameters are what the engine supplies (``graph``, ``generator``, ...), never options.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
DropProbability = Annotated[float, Field(ge=0.0, lt=1.0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]
#: One or several.
Counts = Annotated[Sequence[Count], Field(min_length=1)]
Strengths = Annotated[Sequence[Positive], Field(min_length=1)]
#: Names, none of them twice.
Distinct = Annotated[list[str], Field(json_schema_extra={"uniqueItems": True})]

#: Samples or frames to which something is brought; 0: none. More fill memory before anything is learned of them.
Length = Annotated[int, Field(ge=0, le=100_000)]
#: Processes at work at a time; 0: one for each core.
Processes = Annotated[int, Field(ge=0, le=1024)]

#: A file or folder of the user's ("": none). It stays absolute in a run, and ``check`` sees that it is there.
UserPath = Annotated[str, Field(json_schema_extra={"format": "path"})]
#: As :data:`UserPath`, but first looked for in the folder that ``data.path`` is.
PathBeside = Annotated[str, Field(json_schema_extra={"format": "path-beside"})]
#: A folder with a model, or the name of one on a hub.
ModelName = Annotated[str, Field(json_schema_extra={"format": "model"})]

#: The address of a tensor in the data flow, e.g. ``main.nodes[user][users]``.
Address = Annotated[str, Field(json_schema_extra={"format": "address"})]
#: One address or several, whose rows are concatenated.
Addresses = Address | list[Address]
