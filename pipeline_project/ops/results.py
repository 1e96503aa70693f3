"""How a worker's result is shown on the run's page."""

import dagster as dg

from pipeline_project.worker.request import WorkerResult


def result_metadata(result: WorkerResult) -> dict[str, dg.MetadataValue]:
    """Describe a result: its ids, counts, stages and warnings."""
    counts = result.counts
    return {
        "selection id": dg.MetadataValue.text(result.selection_id),
        "commit": dg.MetadataValue.text(result.commit_id),
        "reused": dg.MetadataValue.bool(result.reused),
        "picked": dg.MetadataValue.int(int(counts.get("picked", 0))),
        "candidates": dg.MetadataValue.int(int(counts.get("candidates", 0))),
        "counts": dg.MetadataValue.md(_table(["count", "value"], _count_rows(counts))),
        "stages": dg.MetadataValue.md(
            _table(
                ["stage", "version", "done", "known", "failed", "seconds"],
                [
                    [s.name, s.version, s.done, s.skipped, s.failed, f"{s.duration_s:.2f}"]
                    for s in result.stages
                ],
            )
        ),
        "warnings": dg.MetadataValue.md("\n".join(f"- {w}" for w in result.warnings) or "none"),
        "duration_s": dg.MetadataValue.float(result.duration_s),
    }


def headline(result: WorkerResult) -> str:
    """Say in one sentence what came of it."""
    counts = result.counts
    again = " (the same selection as before)" if result.reused else ""
    return (
        f"Selection {result.selection_id}: picked {counts.get('picked', 0):,.0f} of "
        f"{counts.get('candidates', 0):,.0f} candidates{again}."
    )


def _count_rows(counts: dict[str, float]) -> list[list[object]]:
    return [[name.replace("_", " "), f"{value:,.6g}"] for name, value in counts.items()]


def _table(head: list[str], rows: list[list[object]]) -> str:
    lines: list[list[object]] = [[*head], ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)
