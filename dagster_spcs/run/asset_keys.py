"""The keys of a step's assets: as they were defined, and as the code location calls them."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg


@dataclass(frozen=True)
class AssetKeys:
    """The assets of a step, by their keys in the code location that runs it.

    ``load_assets_from_modules(key_prefix=…)`` and ``with_attributes`` change keys after the
    definition; the outputs of the step keep their names.
    """

    defined: Mapping[dg.AssetKey, dg.AssetKey]
    """From a present key to the one of the definition, of the assets that the step may make."""
    known: frozenset[dg.AssetKey]
    """All that a function may name: the keys of the definition, and the present ones."""

    @classmethod
    def of(cls, definition: dg.AssetsDefinition, present: dg.AssetsDefinition) -> "AssetKeys":
        """Return the keys of what a definition has become.

        Args:
            definition: as its decorator made it.
            present: as the running job holds it.
        """
        outputs = definition.keys_by_output_name
        return cls(
            {key: outputs[name] for name, key in present.keys_by_output_name.items()},
            frozenset((*outputs.values(), *(spec.key for spec in present.specs))),
        )

    def request_of(self, key: dg.AssetKey, requests: Mapping[dg.AssetKey, object]) -> object:
        """Return the request for an asset, None if there is none.

        A function may name it as it was defined, or as ``context.selected_asset_keys`` does.

        Raises:
            ValueError: if there are requests for assets that the step does not have.
        """
        unknown = sorted(each.to_user_string() for each in requests.keys() - self.known)
        if unknown:
            own = ", ".join(sorted(each.to_user_string() for each in self.defined))
            raise ValueError(
                f"the function returned requests for {', '.join(unknown)}; the step has {own}"
            )
        if self.defined[key] in requests or key in self.defined.values():
            return requests.get(self.defined[key])
        return requests.get(key)
