"""nbgrader's own autograde with a clock beside it, in a process that is told what to grade, line by line.

    python -m stylelab.tools.bench.nbgrader < ASSIGNMENT STUDENT lines      in the folder of a course

An empty student has the assignment generated. Each line is answered by one of JSON: success, seconds, score, log.
"""

import json
import os
import sys
import time


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what nbgrader prints is no answer
    api = _api()
    for line in sys.stdin:
        assignment, _, student = line.strip().partition(" ")
        began = time.perf_counter()
        done = api.autograde(assignment, student) if student else api.generate_assignment(assignment)
        seconds = time.perf_counter() - began
        score = _score(api, assignment, student) if student and done["success"] else None
        said = {
            "success": done["success"],
            "seconds": seconds,
            "score": score,
            "log": (done.get("error") or done.get("log") or "")[-2000:],
        }
        answers.write(json.dumps(said) + "\n")
        answers.flush()


def _api():
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", os.getcwd()).load_config()
    config.CourseDirectory.root = os.getcwd()
    return NbGraderAPI(config=config)


def _score(api, assignment: str, student: str) -> list[float]:
    """Points earned, and points there are."""
    with api.gradebook as gradebook:
        found = gradebook.find_submission(assignment, student)
        return [found.score, found.max_score]


if __name__ == "__main__":
    main()
