"""Hindsight inside Airflow: the only package, beside `dags/` and `plugins/`, that knows Airflow.

Importing it costs nothing; each module imports what it needs.
"""
