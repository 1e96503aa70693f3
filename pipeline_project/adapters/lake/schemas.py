"""Every table's columns, key and schema version: the contract with whoever reads the lake.

Each row carries the commit that wrote it, and each key ends with `commit_id`, so that no writer
ever depends on another's uncommitted rows. Key columns carry Lance's `unenforced-primary-key`
mark: without it, tools that merge concurrently duplicate rows silently.

Per-datum tables also carry `datum_key`: the rows of a datum count once `datums` holds it as
`done`. Units stand in the column names; measures keep their own units (see `core/quality`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

SCHEMA_VERSION = 1
SPACE = b"pipeline_project.embedding_space"
_KEY = {b"lance-schema:unenforced-primary-key": b"true"}


@dataclass(frozen=True)
class Table:
    """One table: its name, key columns (the commit is always the last), and Arrow schema."""

    name: str
    key: tuple[str, ...]
    schema: pa.Schema


def _table(name: str, key: str, /, **columns: pa.DataType) -> Table:
    keys = (*key.split(), "commit_id")
    fields = [
        pa.field(column, kind, nullable=column not in keys, metadata=_KEY if column in keys else {})
        for column, kind in {**columns, "commit_id": pa.string()}.items()
    ]
    metadata = {"pipeline_project.schema_version": str(SCHEMA_VERSION)}
    return Table(name, keys, pa.schema(fields, metadata=metadata))


_s, _f, _d, _i, _b = pa.string(), pa.float32(), pa.float64(), pa.int64(), pa.bool_()
_time = pa.timestamp("us", tz="UTC")

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        # One row per distinct file contents.
        _table(
            "media",
            "sha256",
            sha256=_s,
            size_bytes=_i,
            kind=_s,
            codec=_s,
            width_px=_i,
            height_px=_i,
            fps=_d,
            duration_s=_d,
            declared_frames=_i,
        ),
        # Every place where the same bytes were found; with size and fingerprint it is also the
        # listing cache that spares reading an unchanged file again. `gone`: a later listing of
        # its source had it no more. `stored_uri`: of an upload, where its bytes are.
        _table(
            "media_sources",
            "uri sha256",
            uri=_s,
            sha256=_s,
            name=_s,
            source=_s,
            size_bytes=_i,
            fingerprint=_s,
            attribution=_s,
            seen_at=_time,
            gone=_b,
            stored_uri=_s,
        ),
        # The ledger: which stage was run on what, by which code, with what end.
        _table(
            "datums",
            "datum_key",
            datum_key=_s,
            stage=_s,
            stage_version=_s,
            input_sha256=_s,
            params=_s,
            model_sha256=_s,
            state=_s,
            rows=_i,
            error_class=_s,
            error=_s,
            duration_s=_d,
            run_id=_s,
            code_version=_s,
            finished_at=_time,
        ),
        _table(
            "frames",
            "frame_id",
            frame_id=_s,
            media_sha256=_s,
            datum_key=_s,
            pts=_i,
            timestamp_s=_d,
            width_px=_i,
            height_px=_i,
            pixels_sha256=_s,
            phash=pa.uint64(),
        ),
        _table("thumbnails", "frame_id", frame_id=_s, datum_key=_s, jpeg=pa.binary()),
        _table(
            "scores",
            "frame_id datum_key",
            frame_id=_s,
            datum_key=_s,
            laplacian_variance=_d,
            sobel_variance=_d,
            fft_high_frequency=_d,
            mean_luma=_d,
            sharpness=_d,
            tenengrad=_d,
            reference_laplacian_variance=_d,
            half_laplacian_variance=_d,
            quarter_laplacian_variance=_d,
            tile_laplacian_variance=_d,
            reblur_ratio=_d,
            spectral_peak_median=_d,
            spectral_peak_max=_d,
            spectral_peak_mean=_d,
            spectral_peak_kurtosis=_d,
            spectral_slope=_d,
            spectral_band_2=_d,
            spectral_band_3=_d,
            spectral_band_4=_d,
            spectral_band_5=_d,
            spectral_band_6=_d,
            radial_residual=_d,
            spectral_anisotropy=_d,
            spectral_anisotropy_3=_d,
            spectral_anisotropy_4=_d,
            spectral_anisotropy_5=_d,
            spectral_alignment=_d,
            spectral_direction_spread=_d,
            spectral_weakest_direction=_d,
            tile_band_3_max=_d,
            tile_band_4_max=_d,
            tile_band_5_max=_d,
            tile_band_5_min=_d,
            tile_floor=_d,
            tile_curvature=_d,
            spectral_peak_upper=_d,
            spectral_peak_second=_d,
            spectral_peak_broad=_d,
            spectral_peak_half=_d,
            spectral_excess_max=_d,
            spectral_excess_median=_d,
            radial_residual_median=_d,
            dark_share=_d,
            light_share=_d,
            contrast=_d,
            entropy=_d,
            noise_sigma=_d,
            uniform_row_ratio=_d,
            cr_peak=_d,
            cb_peak=_d,
        ),
        _table(
            "labels",
            "frame_id datum_key",
            frame_id=_s,
            datum_key=_s,
            label=_s,
            p_sharp=_f,
            p_blur=_f,
            p_moire=_f,
        ),
        # One row per selection: what was asked, of what, by whom.
        _table(
            "selection_sets",
            "selection_id",
            selection_id=_s,
            dataset=_s,
            set_key=_s,
            candidates_sha256=_s,
            space=_s,
            config=_s,
            pool_version=_s,
            engine=_s,
            run_id=_s,
            counts=_s,
            created_at=_time,
        ),
        _table(
            "selections",
            "selection_id frame_id",
            selection_id=_s,
            frame_id=_s,
            rank=_i,
            reason=_s,
            file_name=_s,
        ),
        # Every frame that a selection looked at, by which sampling (the datum key of its file's
        # sample stage; empty for a pick of an earlier selection), what became of it, and where it
        # lies on the map.
        _table(
            "candidates",
            "selection_id frame_id",
            selection_id=_s,
            frame_id=_s,
            media_sha256=_s,
            sample_key=_s,
            outcome=_s,
            map_x=_f,
            map_y=_f,
        ),
        _table(
            "duplicates",
            "selection_id frame_id",
            selection_id=_s,
            group_id=_s,
            frame_id=_s,
            keeper=_b,
            kind=_s,
        ),
        # What people took back of a dataset's past: one frame, one file (by its hash), all of it
        # (`kind`), or earlier such edits (`rebuild`). Nothing recorded is ever deleted.
        _table(
            "datapool_edits",
            "edit_id",
            edit_id=_s,
            dataset=_s,
            kind=_s,
            value=_s,
            created_at=_time,
        ),
        # Judgements: a measure crossed a threshold.
        _table(
            "exclusions",
            "selection_id frame_id judgement",
            selection_id=_s,
            frame_id=_s,
            judgement=_s,
            measure=_s,
            value=_d,
            threshold=_d,
        ),
        # What people decided about frames; of several rows the one committed last counts.
        _table(
            "decisions",
            "dataset frame_id",
            dataset=_s,
            frame_id=_s,
            decision=_s,
            decided_by=_s,
            decided_at=_time,
            file_name=_s,
        ),
        # Labels that came back, one row per annotation; a frame that was found empty has one row
        # with class "". Of a frame's rows those of its newest import count. Boxes are in pixels
        # of the whole frame; `shape` is the annotation as its tool wrote it, JSON.
        _table(
            "annotations",
            "dataset frame_id import_id annotation_id",
            dataset=_s,
            frame_id=_s,
            import_id=_s,
            annotation_id=_s,
            class_name=_s,
            kind=_s,
            x_px=_d,
            y_px=_d,
            width_px=_d,
            height_px=_d,
            shape=_s,
            tool=_s,
            file_name=_s,
            imported_at=_time,
        ),
        # What became of each file (stage `file`) and of each of its data in a run: new, changed,
        # removed, failed or recovered. What was known is counted, in one row per stage with
        # `uri` "": state skip, or failed for what failed earlier and was not tried again.
        _table(
            "states",
            "run_id stage uri state",
            run_id=_s,
            stage=_s,
            uri=_s,
            state=_s,
            name=_s,
            sha256=_s,
            datum_key=_s,
            files=_i,
            error_class=_s,
            error=_s,
            noted_at=_time,
        ),
        # Contents that no listed file holds any more: `LanceLake.read` leaves their frames and
        # all that was made of them out, but for frames that a selection picked (`kept`). Of
        # several rows the one committed last counts.
        _table(
            "removals",
            "sha256",
            sha256=_s,
            removed=_b,
            kept=pa.list_(_s),
            run_id=_s,
            noted_at=_time,
        ),
        # Errors: a file could not be used, or (damaged) only in part.
        _table(
            "rejects",
            "uri datum_key error_class",
            uri=_s,
            name=_s,
            sha256=_s,
            datum_key=_s,
            stage=_s,
            error_class=_s,
            message=_s,
            damaged=_b,
            run_id=_s,
        ),
        # What a collection holds, as `worker/collections/` says: a row per file of a source (member
        # is its path, fingerprint its size and time) or per datum of a step (member is the datum's
        # id). State is done, failed or removed.
        _table(
            "collection_members",
            "pipeline collection member",
            pipeline=_s,
            collection=_s,
            member=_s,
            uri=_s,
            sha256=_s,
            fingerprint=_s,
            datum_key=_s,
            state=_s,
        ),
        # What a step made of one datum, found by what went into it. Inputs and outputs are JSON.
        _table(
            "collection_results",
            "datum_key",
            datum_key=_s,
            pipeline=_s,
            step=_s,
            step_version=_s,
            settings=_s,
            model_sha256=_s,
            inputs=_s,
            outputs=_s,
            state=_s,
            error_class=_s,
            error=_s,
            duration_s=_d,
            run_id=_s,
            code_version=_s,
            finished_at=_time,
        ),
    )
}


def embeddings_table(space: str, dim: int, about: Mapping[str, object] | None = None) -> Table:
    """One table per embedding space, so that vectors of two spaces can never be mixed.

    Its vectors are float32 of unit length, shape (dim,). What is known of the space (`about`)
    stands in the table's own metadata, as JSON.
    """
    name = "embeddings_" + "".join(c if c.isalnum() else "_" for c in space)
    table = _table(name, "frame_id", frame_id=_s, datum_key=_s, vector=pa.list_(_f, dim))
    if about is None:
        return table
    metadata = {**(table.schema.metadata or {}), SPACE: json.dumps(about, sort_keys=True).encode()}
    return replace(table, schema=table.schema.with_metadata(metadata))
