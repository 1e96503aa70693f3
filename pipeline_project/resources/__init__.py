"""What the ops reach the outside through, one file per external system.

`build.py` makes one object per key, in a dictionary that goes to
`jobs.curation.make_jobs(resources, defaults)`; an override replaces the object under its key.
Adapters go in as plain objects; only the curation configuration can be edited in the launchpad.

=================== ===========================================================================
key                 object
=================== ===========================================================================
`curation`          made by `make_jobs` with `curation.curation_resource(defaults)`, because the two
                    jobs differ in it; `defaults` is a `core.config.CurationConfig`
`source`            `source.Sources(open_source, open_pexels=None)`;
                    `open_source(spec, include: Sequence[str], access) -> MediaSource`,
                    `open_pexels(spec: str, seed: int) -> MediaSource`
`store`             `store.RunStore(objects: ObjectStore, home: Path)`
`instance`          `instance.instance_resource(instances: Instances, lease_s=600.0)`
`worker`            `worker.WorkerClient(commands: Commands, argv, env={}, interval_s=0.2)`;
                    `argv(request_key: str) -> Sequence[str]` is the whole command line
`selection_service` `selection_service.SelectionClient(service: SelectionService, interval_s=1.0)`
`lake`              a `Lake` (`adapters.lake.base`)
`checks`            a `core.checks_config.ChecksConfig`: when a check of the tables speaks up
`publisher`         `publisher.Publisher(publish, run_url=None, copy=None, folder=...)`;
                    `run_url(run_id: str) -> str` is the address of a run's page, where known
`progress`          `log -> ProgressSink`; `progress.LoggedProgress` unless something better shows
=================== ===========================================================================
"""
