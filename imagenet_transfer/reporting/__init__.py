"""From the metrics of finished runs to tables and pictures."""
