"""The schedule as files of cron and systemd."""
