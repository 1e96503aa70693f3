"""Whether IAM policies allow a call: the part of AWS's rules that our policies use.

An explicit Deny wins, then an Allow, else the call is refused. What is not known here (another
condition operator, NotAction, a policy variable) is an error, never a guess.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import Any

Policy = Mapping[str, Any]
Context = Mapping[str, str | Sequence[str]]


def allows(
    policies: Sequence[Policy], action: str, resource: str = "*", context: Context | None = None
) -> bool:
    """Tell whether a call goes through.

    Args:
        policies: all that the caller has.
        action: as `s3:GetObject`.
        resource: ARN that the call is on; `*` for actions that know no resource.
        context: condition keys to values; a key that the call does not have is left out.
    """
    context = {key.lower(): value for key, value in (context or {}).items()}
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in policy["Statement"]
        if _applies(statement, action, resource, context)
    }
    return "Allow" in effects and "Deny" not in effects


def _applies(statement: Policy, action: str, resource: str, context: Context) -> bool:
    known = {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
    if strange := set(statement) - known:
        raise NotImplementedError(f"{strange} in {statement}")
    return (
        any(_like(action.lower(), each.lower()) for each in _list(statement["Action"]))
        and any(_like(resource, each) for each in _list(statement["Resource"]))
        and all(
            _holds(operator, key.lower(), _list(wanted), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(operator: str, key: str, wanted: Sequence[str], context: Context) -> bool:
    for_all = operator.startswith("ForAllValues:")
    plain = operator.removeprefix("ForAllValues:")
    if plain == "Null":
        return (key not in context) == (wanted[0] == "true")
    compare = {
        "StringEquals": lambda value, each: value == each,
        "StringLike": _like,
        "Bool": lambda value, each: value.lower() == each.lower(),
    }.get(plain)
    if compare is None:
        raise NotImplementedError(operator)
    if key not in context:
        return for_all
    values = _list(context[key])
    if len(values) != 1 and not for_all:
        raise NotImplementedError(f"{operator} on the many values of {key}")
    return all(any(compare(value, each) for each in wanted) for value in values)


def _like(value: str, pattern: str) -> bool:
    if "${" in pattern:
        raise NotImplementedError(f"policy variable in {pattern}")
    # fnmatch knows `[...]`, IAM does not.
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), value) is not None


def _list(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
