"""`pipeline why`: one frame or file, back to its source and forward to its selections."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline_project.cli.console import print_json, printable, write_line
from pipeline_project.cli.run_links import pages_of, with_links
from pipeline_project.cli.version_options import AsJson, Config, Home, opened
from pipeline_project.errors import ConfigError

_WORDS = {
    "picked": "picked",
    "candidate": "not picked: others were preferred",
    "duplicate": "left out as a duplicate",
    "excluded": "left out",
    "pool": "picked earlier, so new picks keep away from it",
}


def why(
    name: Annotated[
        str,
        typer.Argument(
            metavar="FRAME_OR_FILE",
            help="A frame's id, a picked frame's file name, or a source file: name, path, address.",
        ),
    ],
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Tell why a frame was picked or left out, or why a file was used or passed over.

    Back to the source file, its attribution and every stage: input, code version, settings, time,
    run; forward to all selections that looked at it, and to what steps of collections made of it.

    Examples:
      pipeline why 0003_coffee_table_00h00m12.000s.jpg
      pipeline why holiday/clip.mp4 --json
    """
    from pipeline_project.adapters.machine import addresses_of
    from pipeline_project.versions.why import why as explain

    lake, settings = opened(config, home)
    addresses = addresses_of(name, settings.home_path)  # also of a file that is gone
    path = Path(name).expanduser()
    uri = path.resolve().as_uri() if path.exists() else None
    unlisted = _unlisted(path) if uri is not None else ""
    try:
        found = explain(lake, name, addresses)
    except ConfigError:
        if uri is None or not unlisted:
            raise
        found = [_never_met(uri, unlisted)]
    for number, facts in enumerate(found):
        if as_json:
            print_json(with_links(facts, settings.ui_url))
            continue
        if number:
            write_line("")
        _show_frame(facts) if facts["kind"] == "frame" else _show_file(facts)
        for run, page in pages_of(facts, settings.ui_url).items():
            _line(f"run {run}: {page}")


def _unlisted(path: Path) -> str:
    """Why a file that is there is never listed; nothing where it is."""
    from pipeline_project.adapters.sources.folder import MEDIA_SUFFIXES

    if path.is_dir():
        return ""
    if path.name.startswith("."):
        return "Its name begins with a dot: hidden files are passed over."
    if path.suffix.lower() not in MEDIA_SUFFIXES:
        return (
            f"{path.suffix or 'A name without suffix'} is not of an image or a video: such files "
            "are ignored, unless --include names them."
        )
    return ""


def _never_met(uri: str, why: str) -> dict[str, Any]:
    return {"kind": "file", "uri": uri, "known": False, "why": why}


def _show_frame(facts: dict[str, Any]) -> None:
    at = f" at {facts['timestamp_s']:.3f} s" if facts["timestamp_s"] else ""
    names = ", ".join(str(each["name"]) for each in facts["sources"]) or "a purged source"
    _line(f"frame {facts['frame_id']}")
    _line(f"is of {names}{at}")
    if facts["removed"]:
        _line("its file is gone; later commits show the frame only if a selection picked it")
    for each in facts["sources"]:
        _show_source(each)
    if facts["label"]:
        sure = ", ".join(f"{name} {p:.2f}" for name, p in facts["probabilities"].items())
        _line(f"looks {facts['label']} ({sure})")
    _show_stages(facts["stages"])
    for each in facts["selections"]:
        _show_selection(each)
    if not facts["selections"]:
        _line("no selection has looked at it yet")
    for each in facts["decisions"]:
        _line(f"people said: {each['decision']} (dataset {each['dataset']}, {each['decided_at']})")


def _show_file(facts: dict[str, Any]) -> None:
    if facts.get("known") is False:
        _line(f"file {facts['uri']}")
        _line(facts["why"])
        return
    _line(f"file {facts['name']}")
    _show_source(facts)
    _line(f"sha256 {facts['sha256'] or 'unknown: it was never read'}")
    _line(facts["why"])
    for each in facts["rejects"]:
        part = "used in part" if each["damaged"] else "not used"
        _line(f"{part}: {each['stage']}: {each['error_class']}: {each['message']}")
    for each in facts["history"]:
        if each["stage"] == "file" or each["state"] != "new":
            _line(f"{each['noted_at'][:19]} {each['stage']} {each['state']}, run {each['run_id']}")
    _show_stages(facts["stages"])
    for each in facts["selections"]:
        frames = ", ".join(f"{count} {name}" for name, count in sorted(each["frames"].items()))
        _line(f"selection {each['selection_id']} of dataset {each['dataset']}: frames: {frames}")
        for pick in each["picks"]:
            _line(f"  picked as number {pick['rank']}: {pick['file_name']}")
    for each in facts["collections"]:
        _show_collection(each)


def _show_collection(each: dict[str, Any]) -> None:
    gone = ": not there any more, older commits show what was made of it"
    state = gone if each["state"] == "removed" else ""
    _line(f"{each['path']} of collection {each['collection']}, pipeline {each['pipeline']}{state}")
    for step in each["steps"]:
        more = f" and {step['other_inputs']} other inputs" if step["other_inputs"] else ""
        made = ", ".join(step["outputs"]) or "nothing"
        _line(
            f"  {step['step']}: {step['state']} {str(step['finished_at'])[:19]} from "
            f"{', '.join(step['inputs_of_it'])}{more}: {made}, run {step['run_id']}"
        )
        if step["error"]:
            _line(f"    {step['error_class']}: {step['error']}")


def _show_source(source: dict[str, Any]) -> None:
    gone = " (not there any more)" if source["gone"] else ""
    _line(f"address {source['uri']}{gone}")
    for name, value in source["attribution"].items():
        _line(f"  {name.replace('_', ' ')}: {value}")


def _show_stages(stages: list[dict[str, Any]]) -> None:
    if stages:
        _line("made by:")
    for each in stages:
        params = ", ".join(f"{name} {value}" for name, value in each["params"].items())
        model = f", model {each['model_sha256'][:12]}" if each["model_sha256"] else ""
        version = each["stage_version"]
        version = f"plan {version[:12]}" if each["stage"] == "file" else f"version {version}"
        _line(
            f"  {each['stage']} {version}: {each['state']} {each['finished_at'][:19]} from "
            f"{each['input_sha256'][:12]}{model}, run {each['run_id']}"
            f"{f' ({params})' if params else ''}"
        )
        if each["error"]:
            _line(f"    {each['error_class']}: {each['error']}")


def _show_selection(each: dict[str, Any]) -> None:
    outcome = _WORDS.get(each["outcome"], each["outcome"])
    _line(
        f"selection {each['selection_id']} of dataset {each['dataset']} "
        f"(run {each['run_id']}, commit {each['commit_id']}): {outcome}"
    )
    if "rank" in each:
        _line(
            f"  number {each['rank']}, {each['reason'] or 'no reason given'}: {each['file_name']}"
        )
    for judged in each["exclusions"]:
        if judged["measure"] == "review":
            _line(f"  {judged['judgement']} by people")
        else:
            _line(
                f"  {judged['judgement']}: {judged['measure']} is {judged['value']:.4g}, "
                f"threshold {judged['threshold']:.4g}"
            )
    if twin := each.get("duplicate_of"):
        at = f" at {twin['timestamp_s']:.3f} s" if twin["timestamp_s"] else ""
        _line(
            f"  {twin['kind']} duplicate: {twin['name'] or 'a frame'}{at} stands for it "
            f"({twin['frame_id']})"
        )


def _line(text: str) -> None:
    write_line(printable(text, keep=""))
