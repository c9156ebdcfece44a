# Airflow's own image and, beside it, what Hindsight needs.
ARG AIRFLOW_VERSION=3.3.2
FROM apache/airflow:${AIRFLOW_VERSION}
ARG AIRFLOW_VERSION

WORKDIR /opt/airflow

# requirements.txt is no list of what to install but of the versions that were tested together; naming
# Airflow itself keeps pip from moving it.  The project's code comes later, so that a change of it builds in
# seconds: an editable install only points at include/.
COPY --chown=airflow:0 pyproject.toml requirements.txt README.md ./
RUN mkdir -p include \
    && pip install --no-cache-dir --constraint requirements.txt "apache-airflow==${AIRFLOW_VERSION}" --editable .

COPY --chown=airflow:0 include include
COPY --chown=airflow:0 plugins plugins
COPY --chown=airflow:0 dags dags

# A named volume takes over owner and mode of the folder it covers: any user of group 0 may write there.
RUN mkdir -p auth logs && chmod g+rwx auth logs

ENV PYTHONPATH=/opt/airflow/include
