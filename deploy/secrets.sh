#!/bin/sh
# Makes what nobody else may know, once, in deploy/secrets. Nobody else may enter that folder; the
# files in it can be read by whoever does, for the accounts of the containers differ.
set -eu
cd "$(dirname "$0")/secrets"
if [ -e settings.json ]; then
    echo "deploy/secrets has them already" >&2
    exit 1
fi
random() { od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'; }

chmod 700 .
umask 022
postgres=$(random) redis=$(random) flower=$(random) grafana=$(random)
printf %s "$postgres" > postgres_password
echo "requirepass $redis" > redis.conf
echo "basic_auth = ['operator:$flower']" > flower.py
printf %s "$grafana" > grafana_password
cat > settings.json <<JSON
{
    "SECRET_KEY": "$(random)",
    "SQLALCHEMY_DATABASE_URI": "postgresql://referral:$postgres@postgres/referral",
    "REDIS_URL_CACHE": "redis://:$redis@redis/0",
    "REDIS_URL_BROKER": "redis://:$redis@redis/1",
    "MAIL_SERVER": "",
    "MAIL_PORT": 587,
    "MAIL_USE_TLS": true,
    "MAIL_USERNAME": "",
    "MAIL_PASSWORD": "",
    "MAIL_DEFAULT_SENDER": "Referrals <referrals@localhost>"
}
JSON
