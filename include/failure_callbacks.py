"""Who hears that a task broke: Airflow's own callbacks and notifiers, called when a task has failed for good.

A model that broke is told of by the monitor's `notify`.  This here is about the pipeline itself: a log out of
reach, a warehouse that is down, a monitor's file with errors, a message that could not be delivered.  The two
share neither channel nor code, so that one that is broken can be told of by the other.

What an exception says may hold names that others chose: escape it (`| e`), for Slack as for mail, or a column
that is called `<!channel>` rings everybody.

    from airflow.providers.slack.notifications.slack import SlackNotifier
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    ON_FAILURE = [
        SlackNotifier(
            slack_conn_id="slack_platform",
            channel="#data-platform",
            text="{{ dag.dag_id }}.{{ ti.task_id }} failed: {{ exception | string | e }} {{ ti.log_url }}",
        ),
        SmtpNotifier(
            smtp_conn_id="smtp_platform",
            to="data-platform@example.com",
            subject="{{ dag.dag_id }}.{{ ti.task_id }} failed",
            html_content="{{ exception | e }}<br>{{ ti.log_url | e }}",
        ),
    ]
"""

from collections.abc import Callable
from typing import Any

ON_FAILURE: list[Callable[[Any], Any]] = []
