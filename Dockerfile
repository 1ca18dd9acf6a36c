# The course in a container: JupyterLab on port 8888, run by an ordinary user, with pinned and hashed requirements.
#   docker build --target cpu -t stylelab .         .[torch,tensorflow] on the CPU (PyTorch's wheel brings CUDA: 8 GB)
#   docker build --target gpu -t stylelab:gpu .     with a second environment for TensorFlow with CUDA: 16 GB
#   docker run --rm -p 127.0.0.1:8888:8888 -v stylelab-lessons:/home/student/stylelab/my-lessons stylelab
#   docker run --rm --gpus all -p 127.0.0.1:8888:8888 -v stylelab-lessons:/home/student/stylelab/my-lessons stylelab:gpu
# Students' work is in the volume stylelab-lessons and survives the container.

FROM python:3.12.11-slim-bookworm AS base
# bubblewrap is the sandbox of `stylelab grade`; chromium, which only tests need, is left out
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap git make tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home --shell /bin/bash student \
    && install -d -o student -g student /home/student/stylelab /home/student/stylelab/my-lessons
USER student
WORKDIR /home/student/stylelab
ENV PATH=/home/student/stylelab/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    UV_NO_CACHE=1
# only what the environment is made from, so that a change in a lesson does not download gigabytes again; backends.py has the version
COPY --chown=student:student Makefile pyproject.toml setup.py README.md LICENSE ./
COPY --chown=student:student requirements.lock requirements-gpu-tensorflow.lock requirements-hub.lock ./
COPY --chown=student:student .ci ./.ci
COPY --chown=student:student stylelab/__init__.py ./stylelab/__init__.py
COPY --chown=student:student stylelab/run/backends.py ./stylelab/run/backends.py
COPY --chown=student:student stylelab/cli/jupyterlab ./stylelab/cli/jupyterlab
EXPOSE 8888
ENTRYPOINT ["tini", "--"]
CMD ["bash", "-c", "stylelab start my-lessons && exec jupyter lab --ip=0.0.0.0 --port=8888 --no-browser my-lessons"]

FROM base AS gpu
# the CUDA libraries are in the wheels; the driver is the host's, through the NVIDIA container toolkit
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN make setup GPU=yes
COPY --chown=student:student . .

FROM base AS cpu
RUN make setup GPU=
COPY --chown=student:student . .
