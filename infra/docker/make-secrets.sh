#!/bin/sh
# Makes the secrets that compose.yaml mounts, each once:  infra/docker/make-secrets.sh
# NEW_KEYS is the command that prints keys of the default agents.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
folder=${SECRETS_DIR:-$here/secrets}
new_keys=${NEW_KEYS:-docker run --rm --network none ${REGISTRY:-}agent-platform-migrate:${VERSION:-dev} new-keys}

# The folder is its owner's alone. The files in it are mounted one by one, and read by the user of each container.
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

secret() {
  [ -s "$folder/$1" ] && return
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$folder/$1.new"
  mv "$folder/$1.new" "$folder/$1"
}

users='gateway auth workflow-executor integrations webhook-receiver health query-engine tap'
schemas='auth workflow integration event health data'
secret postgres-password
secret master-key
for user in $users; do secret "nats-$user"; done
for schema in $schemas; do secret "database-$schema"; done

{
  separator='{'
  for schema in $schemas; do
    printf '%s"ap_%s":"%s"' "$separator" "$schema" "$(cat "$folder/database-$schema")"
    separator=','
  done
  printf '}\n'
} > "$folder/role-passwords.json"

# A configuration of its own as a whole: what nats-server includes cannot read variables of the file that includes it.
{
  for user in $users; do
    name=$(printf '%s' "$user" | tr 'a-z-' 'A-Z_')
    printf 'NATS_%s_PASSWORD: "%s"\n' "$name" "$(cat "$folder/nats-$user")"
  done
  printf 'port: 4222\nhttp: "127.0.0.1:8222"\nmax_payload: 8MB\n'
  printf 'jetstream { store_dir: /data, sync_interval: always }\n'
  cat "$here/../nats/accounts.conf"
} > "$folder/nats.conf"

if [ ! -s "$folder/agent-keys.json" ]; then
  $new_keys > "$folder/agent-keys.json.new"
  mv "$folder/agent-keys.json.new" "$folder/agent-keys.json"
fi
echo "The secrets are in $folder. Keep a copy of master-key with every backup of the database."
