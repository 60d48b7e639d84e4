"""What a user sees while jobs run: one line for each that ends, and of failures what to do.

Snakemake's own messages fill ten lines for each job. They stay whole in .snakemake/log, in dry
runs, and where they are asked for or shaped by the user (--printshellcmds, --verbose, --quiet,
--logger).

INPUTS:  Snakemake's log events; the last lines of jobs' logs
OUTPUTS: lines on the terminal; `say_what_failed`
"""

import logging

from snakemake import logging as said
from snakemake.cli import get_argument_parser
from snakemake.logging import LogEvent, logger

from imagenet_transfer.running.failures import Failure, command_for, last_lines
from imagenet_transfer.running.progress import name_of

HIDDEN = {
    *(LogEvent.JOB_INFO, LogEvent.JOB_STARTED, LogEvent.RESOURCES_INFO),
    *(LogEvent.GROUP_INFO, LogEvent.GROUP_ERROR),
}
NOISE = (
    *("Select jobs to execute", "Using shell", "Building DAG of jobs"),
    *("Conda environments: ignored", "Trying to restart job"),
)
KEPT = (  # options of a command that a job needs again
    *("cores", "jobs", "executor", "snakefile", "profile", "workflow_profile"),
    *("directory", "configfile", "config"),
)
LISTED = 5  # failures that are told at length


def failure_of(record):
    """Return the failure that Snakemake's record of one is about."""
    message = (record["rule_msg"] or "").partition("For further error details")[0]
    return Failure(record["rule_name"], record["output"], record["log"], message.strip())


class Watch(logging.Handler):
    """Knows the logs of jobs that were started, and which jobs failed for good."""

    def __init__(self):
        super().__init__()
        self.logs = {}
        self.failures = {}

    def emit(self, record):
        """Take in an event."""
        event = said.get_event(record)
        if event == LogEvent.JOB_INFO:
            self.logs[record.jobid] = record.log
        elif event == LogEvent.JOB_ERROR:
            self.failures[record.jobid] = failure_of(vars(record))
        elif event == LogEvent.JOB_FINISHED:  # perhaps in a later attempt
            self.failures.pop(record.job_id, None)


class ShortFilter(said.DefaultFilter):
    """Hides what `ShortFormatter` says in fewer words."""

    def filter(self, record):
        """Return whether the terminal shows a record."""
        event = said.get_event(record)
        text = record.msg or ""
        failed_script = event == LogEvent.ERROR and "CalledProcessError" in text
        hidden = event in HIDDEN or failed_script or (event is None and text.startswith(NOISE))
        return not hidden and super().filter(record)


class ShortFormatter(said.DefaultFormatter):
    """Writes one line for each job that has ended: the last of its log if that names it."""

    def __init__(self, watch, *options):
        super().__init__(*options)
        self.watch = watch
        self.ended = []

    def format_job_finished(self, msg):
        """Wait for the number of finished jobs, which follows."""
        self.ended.append(msg["job_id"])
        return ""

    def format_progress(self, msg):
        """Return a line for each job that has ended."""
        total = msg["total"]
        count = f"[{msg['done']:>{len(str(total))}}/{total}]"
        lines = [f"{count} {text}" for text in map(self.text_of, self.ended) if text]
        self.ended.clear()
        return "\n".join(lines)

    def text_of(self, jobid):
        """Return what is said of a job that has ended; nothing of a target without a log."""
        for path in self.watch.logs.get(jobid, ())[:1]:
            name = name_of(path)
            return next(
                (line for line in last_lines(path, 1) if line.startswith(name)), f"{name} done"
            )

    def format_job_error(self, msg):
        """Return a failure in a line; the job has told the rest if it ran here, or else its end."""
        failure = failure_of(msg)
        # While the rules are read, Snakemake does not know yet where jobs will run.
        return f"{failure.name} failed" + ("" if workflow.local_exec else f": {failure.sentence()}")


def shorten(watch):
    """Let the terminal show few lines, unless the user has asked for Snakemake's own."""
    asked = workflow.output_settings
    if asked.verbose or asked.printshellcmds or {*(asked.quiet or ())} - {Quietness.HOST}:
        return
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.filters.clear()
            handler.addFilter(ShortFilter(asked.quiet, asked.debug_dag, False, False, False))
            handler.setFormatter(ShortFormatter(watch, asked.quiet, asked.show_failed_logs))


def run_again(failure):
    """Return the command that runs only a failed job, with the user's options."""
    given = vars(get_argument_parser().parse_args(sys.argv[1:]))
    options = {f"--{name.replace('_', '-')}": given.get(name) or None for name in KEPT}
    return command_for(failure.target, options)


def say_what_failed():
    """Tell failed jobs with the ends of their logs and the commands that run them again."""
    failures = [one for one in WATCH.failures.values() if not one.was_interrupted()]
    for one in failures[:LISTED]:
        logger.error(one.text(run_again(one)))
    if further := failures[LISTED:]:
        logger.error(f"{len(further)} more failed: {', '.join(one.name for one in further)}")


WATCH = Watch()
if workflow.is_main_process and not workflow.output_settings.dryrun:
    logger.addHandler(WATCH)
    shorten(WATCH)
