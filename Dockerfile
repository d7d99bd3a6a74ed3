# Two images: `docker build --target bot -t clf-bot .` and `docker build --target worker -t clf-worker .`
# Both run as nobody in particular, with a read-only root: `docker run --read-only --tmpfs /tmp ...`

FROM python:3.12-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    CLF_BIND=0.0.0.0 \
    CLF_HTTP_PORT=8080
WORKDIR /app
EXPOSE 8080

# Slack in, Slack out. No TensorFlow, no model, nothing to keep.
FROM base AS bot
COPY locks/bot.txt locks/
RUN python -m pip install --no-cache-dir --no-deps --require-hashes -r locks/bot.txt
COPY worker/ worker/
COPY bot/ bot/
RUN python -m compileall -q bot worker
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['CLF_HTTP_PORT'] + '/healthz', timeout=4)"]
CMD ["python", "-m", "bot"]

# The model at work, and the operator's commands: `docker exec ... clfadmin status`.
FROM base AS worker
ENV CLF_HOME=/data
COPY locks/worker.txt locks/
RUN python -m pip install --no-cache-dir --no-deps --require-hashes -r locks/worker.txt
COPY pyproject.toml README.md LICENSE NOTICE.md ./
COPY classifier/ classifier/
COPY worker/ worker/
COPY clfadmin/ clfadmin/
# Linked, not copied; it brings the `clfadmin` command.
RUN python -m pip install --no-deps --no-build-isolation --no-index --editable .
RUN python -m compileall -q classifier worker clfadmin
# Versions live here. Writable for whatever user the container runs as.
RUN mkdir -p /data && chmod 1777 /data
VOLUME /data
USER 10001:10001
# The first start installs the starter version and loads TensorFlow.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['CLF_HTTP_PORT'] + '/healthz', timeout=4)"]
CMD ["python", "-m", "worker"]
