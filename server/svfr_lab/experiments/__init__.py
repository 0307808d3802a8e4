"""The experiments of ``svfr lab``: one question each, answered by a figure, a table and a paragraph."""
