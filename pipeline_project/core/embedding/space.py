"""What must be known of a vector before it may be compared with another."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """The space a vector lives in; vectors of two spaces are never compared.

    Attributes:
        name: of the model as people configure it, and of its input where that can be configured.
        dim: numbers per vector.
        weights_sha256: hash of the weights.
        preprocess: how pixels become input, in words that change when it changes.
        duplicate_cosine: cosine from which two frames count as one picture. Conservative: set on
            frames of the same scene at another moment, which must stay apart. None where nobody
            measured it: then embeddings call no two frames duplicates.
    """

    name: str
    dim: int
    weights_sha256: str
    preprocess: str
    duplicate_cosine: float | None
