"""The report as data: a first page, channels, customers, data and method; prose, tables and figures, but no paper."""
