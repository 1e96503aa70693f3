"""What must be known of a vector before it may be compared with another."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """The space a vector lives in; vectors of two spaces are never compared.

    Attributes:
        name: of the model as people configure it.
        dim: numbers per vector.
        weights_sha256: hash of the weights' file.
        preprocess: how pixels become input, in words that change when it changes.
        duplicate_cosine: cosine from which two frames count as one picture. Conservative: set on
            frames of the same scene at another moment, which must stay apart.
    """

    name: str
    dim: int
    weights_sha256: str
    preprocess: str
    duplicate_cosine: float
