#!/usr/bin/env bash
# Runs the Lightly Worker in the foreground until it ends; TERM or INT stops the container.
#
#   LIGHTLY_TOKEN_PARAMETER  name of the SSM parameter (SecureString) that holds the API token
#   LIGHTLY_WORKER_ID        of a registered worker; without it the worker registers itself
#   LIGHTLY_WORKER_IMAGE     default lightly/worker:latest; pin a digest to keep it as it is
#   LIGHTLY_SHM_SIZE         shared memory; "bus error" in a data loader asks for more
#   LIGHTLY_GPUS             default all; `none` for a box without a GPU
#
# The token is read from the parameter store and handed over by the name of its variable: it
# stands in no file, no argument and no log.
set -euo pipefail

[ ! -r /opt/pipeline_project/environment ] || . /opt/pipeline_project/environment

parameter="${LIGHTLY_TOKEN_PARAMETER:-/pipeline_project/lightly_token}"
image="${LIGHTLY_WORKER_IMAGE:-lightly/worker:latest}"
gpus="${LIGHTLY_GPUS:-all}"
container="pipeline_project-lightly-$$"

LIGHTLY_TOKEN="$(aws ssm get-parameter --with-decryption --name "$parameter" --query Parameter.Value --output text)" || {
  echo "Reading the Lightly token from the SSM parameter $parameter failed (see above)." \
    "Put it there once: aws ssm put-parameter --type SecureString --name $parameter --value TOKEN" >&2
  exit 1
}
export LIGHTLY_TOKEN LIGHTLY_WORKER_ID="${LIGHTLY_WORKER_ID:-}"

options=(--rm --name "$container" --shm-size="${LIGHTLY_SHM_SIZE:-1024m}" --env LIGHTLY_TOKEN)
[ -z "$LIGHTLY_WORKER_ID" ] || options+=(--env LIGHTLY_WORKER_ID)
[ "$gpus" = none ] || options+=(--gpus "$gpus")

docker run "${options[@]}" "$image" &
client=$!

# The container belongs to Docker's daemon: ending this process group alone would leave it running.
stop() {
  docker stop --time 20 "$container" >/dev/null 2>&1 || true
  wait "$client" 2>/dev/null || true
  exit 143
}
trap stop TERM INT

wait "$client"
