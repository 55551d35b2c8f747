"""What a release is made of: the part of an SBOM that weaknesses are matched with."""

from dataclasses import dataclass
from typing import Final

COMPONENTS_MOST: Final = 20_000
NAME_LONGEST: Final = 512
VERSION_LONGEST: Final = 128
PURL_LONGEST: Final = 2048


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that a release contains.

    Attributes:
        version: in its own notation; empty if the SBOM does not say.
        purl: its package URL (ECMA-427); empty if there is none, and then nothing can be matched.
        supplier: who made it; empty if the SBOM does not say.
        licence: an SPDX expression or a name; empty if the SBOM does not say.
    """

    name: str
    version: str = ""
    purl: str = ""
    supplier: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class BillOfMaterials:
    """A release's components, as its SBOM lists them.

    Attributes:
        form: such as ``CycloneDX 1.6``.
        subject: the release itself, where the SBOM describes it.
        components: in the order of the file, each once, without the subject.
    """

    form: str
    subject: Component | None
    components: tuple[Component, ...]

    @property
    def unidentified(self) -> int:
        """How many components have no package URL: no weakness is ever found in those."""
        return sum(not component.purl for component in self.components)
