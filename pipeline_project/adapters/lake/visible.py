"""Which rows of a table a revision sees, each key once."""

from collections.abc import Collection, Iterable, Iterator, Sequence

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.schemas import Table

_FILTER_VALUES = 500  # longer lists are matched here: a filter expression would be slower
_JOINED_ROWS = 250_000
_AGE = "age"  # of a row's commit: 0 for the newest that the revision sees
_AT = "at"  # a row's position in the Lance dataset


def read_visible(
    dataset: lance.LanceDataset,
    table: Table,
    names: Sequence[str],
    where: tuple[str, Collection[str]] | None,
    visible: pa.StringArray,
) -> pa.Table:
    """Read columns of the rows that these commits (newest first) wrote.

    Columns that came with a later version than the table are empty in its older rows.
    """
    schema = pa.schema([table.schema.field(name) for name in names])
    names = [name for name in names if name in dataset.schema.names]
    if where is not None and len(where[1]) > _FILTER_VALUES:
        return _with_all(_read_many(dataset, table, names, visible, where), schema)
    condition = None if where is None else _condition(*where)
    batches = dataset.to_batches(columns=_with_key(table, names), filter=condition)
    rows = _visible_rows(batches, visible)
    if rows is None:
        return schema.empty_table()
    return _with_all(_last_of_each_key(rows, table).select(names), schema)


def _with_all(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Bring rows to these columns; those that they lack are null."""
    columns = [
        rows[field.name] if field.name in rows.schema.names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _condition(column: str, values: Collection[str]) -> str:
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"


def _with_key(table: Table, columns: Sequence[str]) -> list[str]:
    return sorted({*columns, *table.key})


def _read_many(
    dataset: lance.LanceDataset,
    table: Table,
    columns: list[str],
    visible: pa.StringArray,
    where: tuple[str, Collection[str]],
) -> pa.Table:
    """Read the rows that hold one of very many values.

    First only the keys, a batch at a time, to learn which rows are meant; then those rows alone.
    What else the table holds, thumbnails say, is never in memory.
    """
    column, values = where
    wanted = pa.array(list(values), pa.string())
    scan = dataset.to_batches(columns=_with_key(table, [column]), scan_in_order=True)
    rows = _visible_rows(_joined(scan), visible, (column, wanted))
    meant = [] if rows is None else _last_of_each_key(rows, table)[_AT].to_pylist()
    return dataset.take(meant, columns=columns)


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Larger batches of the same rows: comparing each with very many values costs the same."""
    part: list[pa.RecordBatch] = []
    for batch in batches:
        part.append(batch)
        if sum(each.num_rows for each in part) >= _JOINED_ROWS:
            yield pa.concat_batches(part)
            part = []
    if part:
        yield pa.concat_batches(part)


def _visible_rows(
    batches: Iterable[pa.RecordBatch],
    visible: pa.StringArray,
    where: tuple[str, pa.StringArray] | None = None,
) -> pa.Table | None:
    """Keep of each batch what the commits in `visible` (newest first) wrote; None for nothing.

    Two columns are added: `_AGE`, the commit's place in `visible`, and `_AT`, the row's place in
    all batches together.
    """
    kept = []
    start = 0
    for batch in batches:
        age = _ages(batch["commit_id"], visible)
        at = pa.array(np.arange(start, start + batch.num_rows))
        start += batch.num_rows
        keep = age.is_valid()
        if where is not None:
            keep = pc.and_(keep, pc.is_in(batch[where[0]], value_set=where[1]))
        rows = batch.append_column(_AGE, age).append_column(_AT, at)
        if keep.true_count < len(keep):
            rows = rows.filter(keep)
        if rows.num_rows:
            kept.append(rows)
    return pa.Table.from_batches(kept) if kept else None


def _ages(commits: pa.StringArray, visible: pa.StringArray) -> pa.Int32Array:
    """Each row's place in `visible`; a batch is mostly of one commit, which is looked up once."""
    if len(commits) and pc.all(pc.equal(commits, commits[0])).as_py():
        place = pc.index_in(commits.slice(0, 1), value_set=visible)[0]
        return pa.repeat(place, len(commits))
    return pc.index_in(commits, value_set=visible)


def _last_of_each_key(rows: pa.Table, table: Table) -> pa.Table:
    """Keep one row per key, the one committed last, in the order of the table.

    Two runs that computed a datum at once wrote the same values; where a later commit writes a
    key again (a failed datum that recovered, a touched file) the newer row is meant. Rows are
    appended before their commit, so their order says nothing about which commit is later; only
    within one commit the last row counts.
    """
    count = rows.num_rows
    key = list(table.key[:-1])
    distinct: dict[str, int] = {}
    for column in key:
        distinct[column] = pc.count_distinct(rows[column]).as_py()
        if distinct[column] == count:
            return rows  # as usual; comparing whole keys is far slower
    place = pa.array(np.arange(count))
    age = pc.cast(rows[_AGE], pa.int64())
    order = pc.subtract(place, pc.multiply(age, count))  # by commit, then by place; all differ
    # Rows that are alone with their value in one column have a key of their own.
    column = max(key, key=distinct.__getitem__)
    values = pc.value_counts(rows[column])
    repeated = values.field("values").filter(pc.greater(values.field("counts"), 1))
    shared = pc.is_in(rows[column], value_set=repeated)
    compared = rows.select(key).append_column("order", order).filter(shared)
    last = compared.group_by(key).aggregate([("order", "max")])["order_max"]
    if len(last) == compared.num_rows:
        return rows
    newest = pc.is_in(order, value_set=last.combine_chunks())
    return rows.filter(pc.or_(pc.invert(shared), newest))
