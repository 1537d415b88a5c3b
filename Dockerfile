# syntax=docker/dockerfile:1
# The tags are exact; whoever wants the very bytes adds the digest that their registry names.

FROM python:3.13.14-slim-bookworm AS packages
RUN python -m venv /opt/referral
COPY requirements.txt /tmp/
RUN /opt/referral/bin/pip install --no-cache-dir --use-pep517 --require-hashes \
    --requirement /tmp/requirements.txt

FROM python:3.13.14-slim-bookworm
# Celery would take an account without a name for root.
RUN groupadd --gid 10001 referral \
    && useradd --no-log-init --no-create-home --uid 10001 --gid referral referral
ENV PATH=/opt/referral/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=packages /opt/referral /opt/referral
WORKDIR /srv/referral
COPY gunicorn.conf.py wsgi.py deploy/answers.py ./
COPY migrations migrations
COPY app app
USER 10001:10001
# gunicorn and Celery both finish what they are at.
STOPSIGNAL SIGTERM
CMD ["gunicorn", "wsgi:app", "--bind", "0.0.0.0:8000"]
