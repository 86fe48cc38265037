"""The files of a bundle that tasks gave away: named safely, written whole, read back with care."""

from altlas_runner.last_file.artifacts.offers import ArtifactLimits, has_offers
from altlas_runner.last_file.artifacts.reading import read_artifact, read_output
from altlas_runner.last_file.artifacts.store import BundleArtifacts

__all__ = ["ArtifactLimits", "BundleArtifacts", "has_offers", "read_artifact", "read_output"]
