# Ibid in a container: built in one stage, run in another as an ordinary user on a read-only root file system.
#   docker build -t ibid .
#   docker run --read-only --tmpfs /tmp -v ibid-data:/data -p 127.0.0.1:8000:8000 ibid
FROM python:3.11-slim-bookworm AS build

# A compiler for the few packages that have no wheel for every machine (wordllama on ARM); it stays in this stage.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/ibid
WORKDIR /source
COPY requirements.lock ./
RUN /opt/ibid/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . ./
RUN /opt/ibid/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin ibid \
    && install --directory --owner=ibid --group=ibid --mode=0700 /data
COPY --from=build /opt/ibid /opt/ibid
ENV PATH=/opt/ibid/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    IBID_DATA_DIR=/data \
    IBID_HOST=0.0.0.0 \
    IBID_LOG=json
USER ibid
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
ENTRYPOINT ["ibid"]
CMD ["serve"]
