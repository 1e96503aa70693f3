#!/bin/bash
# First boot of the box, as root, once (the stack's user data). Puts the files below in their
# place, switches the dead-man's switch on, and ends by shutting the box down: a new box belongs
# to nobody. What goes wrong stands in the instance's system log.
set -uo pipefail
trap 'shutdown -h now' EXIT  # also when something below fails: no half-made box runs on

home=/opt/pipeline_project
mkdir -p "$home/bin" "$home/venvs"

place() {  # place FILE MODE: standard input becomes the file
  cat > "$1" && chmod "$2" "$1"
}

#@files

token="$(curl -sf -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 300')"
region="$(curl -sf http://169.254.169.254/latest/meta-data/placement/region -H "X-aws-ec2-metadata-token: $token")"
echo "export AWS_DEFAULT_REGION=$region" | place "$home/environment" 0644

systemctl daemon-reload
systemctl enable --now dead-mans-switch.timer

# Python 3.11 to 3.13 with venv, and the AWS command line: there on Deep Learning images, except
# that Ubuntu keeps venv in a package of its own.
if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv
elif command -v dnf >/dev/null; then
  dnf install -y -q python3.12
fi
command -v aws >/dev/null || echo "no AWS command line on this image: install it, or choose another"
