"""`stylelab bench`: what a step costs here, how far that is from this machine's own limit, and what others need.

options.py      what was asked for, checked before anything slow is imported
plan.py         who is compared with whom
conductor.py    every contender in a process of its own; they step in turn
contender.py    the other end: one contender, its orders, its memory
ours.py, pytorch_tutorial.py, tensorflow_tutorial.py, keras_tutorial.py, peers.py, limit.py, judge.py    the contenders
cost.py, sums.py    floating-point operations; medians and ratios
steps.py, race.py, whole.py    ms per step; seconds to a given loss; what a run costs outside its steps
report.py, chart.py, run.py    the table, the JSON file, the plot; all of it together
"""
