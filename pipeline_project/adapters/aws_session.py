"""The only maker of boto3 clients: account, role, region, endpoints, timeouts, retries.

Credentials come from where boto3 looks for them (environment, profile, instance role); none is
ever held, logged or shown here. boto3 belongs to the extra `aws` and is imported on first use.
"""

import importlib.util
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pipeline_project import __version__
from pipeline_project.adapters.aws_errors import aws_errors, http_status
from pipeline_project.errors import ConfigError

_ATTEMPTS = 6  # botocore's own, about 10 s together; longer outages are `patiently`'s business
_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """Which account is used, and how it is reached. Holds no secret.

    Attributes:
        region: such as `eu-west-1`; None leaves it to the profile and AWS_REGION.
        profile: of `~/.aws/config`; None for the default credentials.
        role_arn: a role to assume; None works as whoever the credentials belong to.
        external_id: what the role's owner asks for beside it.
        endpoint_urls: by service (`s3`, `ec2`, `ssm`, `sts`), for others than AWS's own; what is
            missing is AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL or AWS's.
    """

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    endpoint_urls: Mapping[str, str] = field(default_factory=dict)


class AwsSession:
    """Makes clients, one per service, to be used by any thread."""

    def __init__(
        self,
        access: AwsAccess | None = None,
        *,
        connect_timeout_s: float = 10.0,
        read_timeout_s: float = 60.0,
        attempts: int = _ATTEMPTS,
    ) -> None:
        """Prepare; nothing is read or asked yet.

        Args:
            access: None is whatever boto3 finds.
            connect_timeout_s: longest wait for a connection.
            read_timeout_s: longest silence of the server.
            attempts: tries of one call in all, for what may work the next time.
        """
        self.access = access or AwsAccess()
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._attempts = attempts
        self._lock = threading.RLock()
        self._core: Any = None
        self._clients: dict[str, Any] = {}
        self._regions: dict[str, str] = {}

    def hasty(self) -> "AwsSession":
        """The same account, for looks that are repeated anyway: gives up within half a minute."""
        return AwsSession(self.access, connect_timeout_s=5.0, read_timeout_s=10.0, attempts=2)

    def client(self, service: str) -> Any:
        """Give the client of one service.

        Raises:
            ConfigError: boto3 is missing, or profile, region or endpoint cannot be used.
        """
        with self._lock:
            if service not in self._clients:
                with aws_errors(f"making the AWS client for {service}"):
                    self._clients[service] = self._make_client(service)
            return self._clients[service]

    def storage_options(self, bucket: str) -> dict[str, str]:
        """What Lance needs to reach a bucket: address and the credentials of this moment.

        Ask anew for each table operation: a role's credentials end after an hour.

        Raises:
            ConfigError: there are no credentials, or the bucket cannot be reached.
        """
        client = self.client("s3")
        credentials = self.credentials()
        options = {
            "aws_access_key_id": credentials.access_key,
            "aws_secret_access_key": credentials.secret_key,
            "aws_region": self.bucket_region(bucket),
        }
        if credentials.token:
            options["aws_session_token"] = credentials.token
        endpoint = str(client.meta.endpoint_url)
        if not is_aws(endpoint):
            options["aws_endpoint"] = endpoint
            options["allow_http"] = "true"
            options["aws_virtual_hosted_style_request"] = "false"
        return options

    def credentials(self) -> Any:
        """The credentials of this moment: `access_key`, `secret_key` and perhaps `token`.

        Raises:
            ConfigError: there are none, or the role cannot be assumed.
        """
        with self._lock, aws_errors("looking for AWS credentials"):
            found = self._session().get_credentials()
            if found is None:
                from botocore.exceptions import NoCredentialsError

                raise NoCredentialsError
            return found.get_frozen_credentials()

    def bucket_region(self, bucket: str) -> str:
        """Where a bucket lies; asked once. AWS tells it also to those who may not look into it.

        Raises:
            ConfigError: there is no such bucket, or no credentials.
        """
        with self._lock:
            if bucket not in self._regions:
                client = self.client("s3")
                with aws_errors(f"looking for the bucket {bucket}"):
                    try:
                        answer = client.head_bucket(Bucket=bucket)
                    except client.exceptions.ClientError as error:
                        if http_status(error) not in (301, 403):
                            raise
                        answer = error.response
                headers = answer["ResponseMetadata"]["HTTPHeaders"]
                region = headers.get("x-amz-bucket-region") or client.meta.region_name
                self._regions[bucket] = str(region)
            return self._regions[bucket]

    def _make_client(self, service: str) -> Any:
        demand_boto3("using AWS")
        from botocore.config import Config

        def make(addressing: str) -> Any:
            config = Config(
                connect_timeout=self._connect_timeout_s,
                read_timeout=self._read_timeout_s,
                retries={"mode": "standard", "total_max_attempts": self._attempts},
                max_pool_connections=_CONNECTIONS,
                user_agent_extra=f"pipeline_project/{__version__}",
                # boto3 presigns by version 2, which newer regions refuse, unless it is told.
                signature_version="s3v4" if service == "s3" else None,
                s3={"addressing_style": addressing},
            )
            return self._session().client(
                service, config=config, endpoint_url=self.access.endpoint_urls.get(service)
            )

        client = make("auto")
        if service == "s3" and not is_aws(client.meta.endpoint_url):
            client = make("path")  # other servers rarely have a host name for each bucket
        return client

    def _session(self) -> Any:
        """The boto3 session, whose credentials renew themselves."""
        if self._core is None:
            import boto3.session
            import botocore.session

            core = botocore.session.Session(profile=self.access.profile)
            if self.access.region:
                core.set_config_variable("region", self.access.region)
            if self.access.role_arn:
                _assume(core, self.access, self._attempts)
            self._core = boto3.session.Session(botocore_session=core)
        return self._core


def demand_boto3(what: str) -> None:
    """Make sure that the extra `aws` is installed.

    Raises:
        ConfigError: it is not; says how to install it.
    """
    if importlib.util.find_spec("boto3") is None:
        raise ConfigError(
            f"{what} needs boto3, which is not installed here. "
            "Install the extra: pip install 'pipeline-project[aws]'."
        )


def is_aws(endpoint_url: str) -> bool:
    """Tell whether an endpoint is AWS's own."""
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def _assume(core: Any, access: AwsAccess, attempts: int) -> None:
    """Let the session work under the role; its credentials are renewed before they end."""
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import (
        AssumeRoleCredentialFetcher,
        CredentialProvider,
        CredentialResolver,
        DeferredRefreshableCredentials,
    )
    from botocore.exceptions import NoCredentialsError

    own = botocore.session.Session(profile=access.profile)
    if access.region:
        own.set_config_variable("region", access.region)
    retries = Config(retries={"mode": "standard", "total_max_attempts": attempts})

    def make_sts(service: str, **credentials: Any) -> Any:
        return own.create_client(
            service, config=retries, endpoint_url=access.endpoint_urls.get(service), **credentials
        )

    class AssumedRole(CredentialProvider):  # type: ignore[misc]  # botocore has no types
        METHOD = CANONICAL_NAME = "assume-role"

        def load(self) -> Any:
            source = own.get_credentials()
            if source is None:
                raise NoCredentialsError
            extra = {"RoleSessionName": "pipeline_project"}
            if access.external_id:
                extra["ExternalId"] = access.external_id
            fetcher = AssumeRoleCredentialFetcher(
                client_creator=make_sts,
                source_credentials=source,
                role_arn=access.role_arn,
                extra_args=extra,
            )
            return DeferredRefreshableCredentials(
                method=self.METHOD, refresh_using=fetcher.fetch_credentials
            )

    core.register_component("credential_provider", CredentialResolver([AssumedRole()]))
