"""Handing out, collecting and grading. No framework is imported here, and no student's code is run here."""
